//! What makes the unnamed statement go, for its client and on a server that others use too.

use tidegate_harness::PooledDatabase;

use crate::two::parse;
use crate::two::pool_of;
use crate::two::run;
use crate::two::sqlstate;

#[test]
fn a_query_that_deallocates_a_name_drops_the_unnamed_statement_too() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    parse(&mut first, "s", "select 's'").unwrap();
    parse(&mut first, "", "select $1::text").unwrap();
    // The same text is one statement for both.
    parse(&mut second, "", "select $1::text").unwrap();
    first.query("deallocate s").unwrap();
    assert_eq!(run(&mut second, "", &["kept"]).unwrap(), "kept");
    assert_eq!(sqlstate(run(&mut first, "", &["dropped"])), "26000");
}
