//! The keywords of PostgreSQL 15 to 18, by what they can be in front of a parenthesis.
//!
//! See "SQL Key Words", <https://www.postgresql.org/docs/current/sql-keywords-appendix.html>.

use super::words::WordSet;

/// Whether a word, in lower case, can be the name of no function unless a schema stands before it,
/// in any version. What stands between the parentheses behind it is a list, a query, or the arguments
/// of something that only computes.
pub(super) fn is_never_a_function(word: &[u8]) -> bool {
    NEVER_FUNCTIONS.has(word)
}

/// Whether a word, in lower case, is a keyword in any version: what follows may be an expression.
pub(super) fn is_keyword(word: &[u8]) -> bool {
    NEVER_FUNCTIONS.has(word) || OTHERS.has(word)
}

/// `TREAT` is none of these: it calls the function that is named like the type.
static NEVER_FUNCTIONS: WordSet<512> = WordSet::of(
    "
    all analyse analyze and any array as asc asymmetric between bigint bit boolean both case cast
    char character check coalesce collate column constraint create current_catalog current_date
    current_role current_time current_timestamp current_user dec decimal default deferrable desc
    distinct do else end except exists extract false fetch float for foreign from grant greatest
    group grouping having in initially inout int integer intersect interval into lateral leading
    least limit localtime localtimestamp national nchar none normalize not null nullif numeric
    offset on only or order out overlay placing position precision primary real references returning
    row select session_user setof smallint some substring symmetric table then time timestamp to
    trailing trim true union unique user using values varchar variadic when where window with
    xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot
    xmlserialize xmltable
    ",
);

static OTHERS: WordSet<1024> = WordSet::of(
    "
    abort absent absolute access action add admin after aggregate also alter always asensitive
    assertion assignment at atomic attach attribute authorization backward before begin binary
    breadth by cache call called cascade cascaded catalog chain characteristics checkpoint class
    close cluster collation columns comment comments commit committed compression concurrently
    conditional configuration conflict connection constraints content continue conversion copy cost
    cross csv cube current current_schema cursor cycle data database day deallocate declare defaults
    deferred definer delete delimiter delimiters depends depth detach dictionary disable discard
    document domain double drop each empty enable encoding encrypted enforced enum error escape
    event exclude excluding exclusive execute explain expression extension external family filter
    finalize first following force format forward freeze full function functions generated global
    granted groups handler header hold hour identity if ilike immediate immutable implicit import
    include including increment indent index indexes inherit inherits inline inner input insensitive
    insert instead invoker is isnull isolation join json json_array json_arrayagg json_exists
    json_object json_objectagg json_query json_scalar json_serialize json_table json_value keep key
    keys label language large last leakproof left level like listen load local location lock locked
    logged mapping match matched materialized maxvalue merge merge_action method minute minvalue
    mode month move name names natural nested new next nfc nfd nfkc nfkd no normalized nothing
    notify notnull nowait nulls object objects of off oids old omit operator option options
    ordinality others outer over overlaps overriding owned owner parallel parameter parser partial
    partition passing password path period plan plans policy preceding prepare prepared preserve
    prior privileges procedural procedure procedures program publication quote quotes range read
    reassign recheck recursive ref referencing refresh reindex relative release rename repeatable
    replace replica reset restart restrict return returns revoke right role rollback rollup routine
    routines rows rule savepoint scalar schema schemas scroll search second security sequence
    sequences serializable server session set sets share show similar simple skip snapshot source
    sql stable standalone start statement statistics stdin stdout storage stored strict string strip
    subscription support sysid system system_user tables tablesample tablespace target temp template
    temporary text ties transaction transform treat trigger truncate trusted type types uescape
    unbounded uncommitted unconditional unencrypted unknown unlisten unlogged until update vacuum
    valid validate validator value varying verbose version view views virtual volatile whitespace
    within without work wrapper write xml year yes zone
    ",
);
