//! Statements made up from a seed: queries nested in one another, and in most of them something that
//! writes, wherever a query or an expression can stand.

use crate::random::Random;

/// Deeper than this, only the simplest.
const DEPTH_MAX: u32 = 4;

/// A statement.
pub(crate) fn statement(random: &mut Random) -> String {
    let mut maker = Maker {
        random,
        writes: true,
    };
    maker.writes = maker.random.once_in(2);
    let statement = maker.statement();
    if maker.random.once_in(20) {
        return format!("{statement}; {}", maker.statement());
    }
    statement
}

struct Maker<'a> {
    random: &'a mut Random,
    /// Whether anything may write.
    writes: bool,
}

impl Maker<'_> {
    /// Whether to hide a write here: one alone in most statements, so that no other gives it away.
    fn hides(&mut self, times: usize) -> bool {
        let hides = self.writes && self.random.once_in(times);
        self.writes &= !hides || self.random.once_in(8);
        hides
    }

    fn statement(&mut self) -> String {
        let query = self.query(0);
        if self.hides(12) {
            return self.modifying(0);
        }
        match self.random.below(14) {
            0 => format!("explain {query}"),
            1 => format!("explain (verbose, costs off) {query}"),
            2 => format!("copy ({query}) to stdout with (format csv)"),
            3 if self.writes => format!("explain (analyze, costs off) {query}"),
            4 if self.writes => format!("explain analyze {query}"),
            5 if self.writes => format!("copy ({query}) to '/tmp/x'"),
            6 if self.writes => format!("create table t as {query}"),
            7 => format!("/* a '; -- */ {query} -- '"),
            _ => query,
        }
    }

    fn modifying(&mut self, depth: u32) -> String {
        let with = self.with(depth);
        match self.random.below(4) {
            0 => format!(
                "{with} insert into t {} returning *",
                self.select(depth + 1)
            ),
            1 => format!(
                "{with} update t set a = {} returning a",
                self.expression(depth + 1)
            ),
            2 => format!(
                "{with} delete from t where {} returning *",
                self.expression(depth + 1)
            ),
            _ => {
                format!("{with} merge into t using u on true when matched then delete returning a")
            },
        }
    }

    fn with(&mut self, depth: u32) -> String {
        if depth > DEPTH_MAX || !self.random.once_in(3) {
            return String::new();
        }
        let mut tables = Vec::new();
        for _ in 0..=self.random.below(2) {
            let name = self.random.one_of(&[
                "x",
                "x",
                "v",
                "w",
                "y(a)",
                "u (a, b)",
                "\"z\" (a, b)",
                "values(a)",
                "recursive",
                "filter (c)",
            ]);
            let how = self
                .random
                .one_of(&["", "", "materialized", "not materialized"]);
            let body = if self.hides(4) {
                self.modifying(depth + 1)
            } else {
                self.query(depth + 1)
            };
            let more = self.random.one_of(&[
                "",
                "",
                "",
                "search depth first by a set s",
                "cycle a set c using p",
            ]);
            tables.push(format!("{name} as {how} ({body}) {more}"));
        }
        let recursive = self.random.one_of(&["", "recursive"]);
        format!("with {recursive} {}", tables.join(", "))
    }

    fn query(&mut self, depth: u32) -> String {
        let with = self.with(depth);
        let mut query = self.select(depth);
        if self.random.once_in(4) && depth < DEPTH_MAX {
            let how = self
                .random
                .one_of(&["union", "union all", "intersect", "except"]);
            let other = self.select(depth + 1);
            query = match self.random.below(3) {
                0 => format!("({query}) {how} ({other})"),
                1 => format!("({query}) {how} {other}"),
                _ => format!("(({query}) {how} ({other}))"),
            };
        }
        let tail = self.tail(depth);
        format!("{with} {query} {tail}")
    }

    fn tail(&mut self, depth: u32) -> String {
        let mut tail = String::new();
        if self.random.once_in(3) {
            tail += &format!(
                " order by {}, ({})",
                self.expression(depth + 1),
                self.expression(depth + 1)
            );
        }
        if self.random.once_in(5) {
            tail += &format!(
                " limit ({}) offset {}",
                self.expression(depth + 1),
                self.expression(depth + 1)
            );
        }
        if self.hides(6) {
            let lock = [
                "for update",
                "for /* */ share",
                "for no key update nowait",
                "FOR KEY SHARE of t skip locked",
            ];
            tail += &format!(" {}", self.random.one_of(&lock));
        }
        tail
    }

    fn select(&mut self, depth: u32) -> String {
        if self.random.once_in(12) {
            return format!(
                "values ({}), (({}))",
                self.expression(depth + 1),
                self.expression(depth + 1)
            );
        }
        if self.random.once_in(20) {
            return "table t".to_owned();
        }
        let distinct = match self.random.below(8) {
            0 => "distinct".to_owned(),
            1 => format!("distinct on ({})", self.expression(depth + 1)),
            2 => "all".to_owned(),
            _ => String::new(),
        };
        let alias = self.random.one_of(&[
            "",
            "as a",
            "as \"update\"",
            "b",
            "as over",
            "as into_",
            "as \"into\"",
        ]);
        let into = if self.hides(10) { "into new_table" } else { "" };
        let mut text = format!(
            "select {distinct} {} {alias}, {} {into}",
            self.expression(depth + 1),
            self.expression(depth + 1)
        );
        if self.random.below(4) > 0 {
            text += &format!(" from {}", self.table(depth + 1));
        }
        if self.random.once_in(2) {
            text += &format!(" where {}", self.expression(depth + 1));
        }
        if self.random.once_in(5) {
            let group = [
                "a",
                "(a)",
                "rollup (a, b)",
                "grouping sets ((a), (b))",
                "cube (a)",
                "a, (b)",
            ];
            text += &format!(
                " group by {} having {}",
                self.random.one_of(&group),
                self.expression(depth + 1)
            );
        }
        text
    }

    fn table(&mut self, depth: u32) -> String {
        if depth > DEPTH_MAX {
            return "t".to_owned();
        }
        match self.random.below(12) {
            0 => format!("({}) s", self.query(depth + 1)),
            1 => format!("({}) as s(a, b)", self.query(depth + 1)),
            2 => format!("lateral ({}) s", self.query(depth + 1)),
            3 => format!("{} f(a)", self.call(depth + 1)),
            4 => format!(
                "rows from ({}, {}) as r(a, b)",
                self.call(depth + 1),
                self.call(depth + 1)
            ),
            5 => format!(
                "t left join ({}) u on ({})",
                self.query(depth + 1),
                self.expression(depth + 1)
            ),
            6 => format!(
                "t join u using (a) cross join (v natural join {})",
                self.table(depth + 1)
            ),
            7 => format!("{} with ordinality o(a, b)", self.call(depth + 1)),
            8 => "public.t tablesample system (10) repeatable (1)".to_owned(),
            9 => format!("t x(a, b), {}", self.table(depth + 1)),
            _ => self
                .random
                .one_of(&["t", "public.t", "\"T\" u", "only t", "t as \"select\""])
                .to_owned(),
        }
    }

    fn expression(&mut self, depth: u32) -> String {
        if depth > DEPTH_MAX {
            let simple = [
                "a",
                "1",
                "'x'",
                "$1",
                "t.b",
                "\"c\"",
                "null",
                "1.5e3",
                "(e'\\'')",
                "$q$ ; $q$",
            ];
            return self.random.one_of(&simple).to_owned();
        }
        let deep = depth + 1;
        match self.random.below(26) {
            kind @ 13.. => self.odd_expression(kind, deep),
            0 | 1 => self.call(deep),
            2 => format!("({})", self.query(deep)),
            3 => format!("exists ({})", self.query(deep)),
            4 => format!("a in ({})", self.query(deep)),
            5 => format!("array({})", self.query(deep)),
            6 => format!("{} - ({})", self.expression(deep), self.expression(deep)),
            7 => format!(
                "{} operator(pg_catalog.+) {}",
                self.expression(deep),
                self.expression(deep)
            ),
            8 => format!(
                "case when {} then ({}) else {} end",
                self.expression(deep),
                self.expression(deep),
                self.expression(deep)
            ),
            9 => format!("cast({} as numeric(10, 2))", self.expression(deep)),
            10 => format!("({})::varchar(3)", self.expression(deep)),
            11 => format!("({})::public.geometry(point)", self.expression(deep)),
            12 => format!(
                "coalesce({}, {})",
                self.expression(deep),
                self.expression(deep)
            ),
        }
    }

    /// One with a syntax of its own.
    fn odd_expression(&mut self, kind: usize, deep: u32) -> String {
        match kind {
            13 => format!("extract(year from {})", self.expression(deep)),
            14 => format!("substring({} from 1 for 2)", self.expression(deep)),
            15 => format!(
                "a between {} and ({})",
                self.expression(deep),
                self.expression(deep)
            ),
            16 => format!(
                "sum({}) filter (where {}) over (partition by ({}) order by a)",
                self.expression(deep),
                self.expression(deep),
                self.expression(deep)
            ),
            17 => format!(
                "row({}, {}) is not null",
                self.expression(deep),
                self.expression(deep)
            ),
            18 => format!("a = any ({})", self.expression(deep)),
            19 => format!(
                "{} at time zone ({})",
                self.expression(deep),
                self.expression(deep)
            ),
            20 => format!(
                "not ({}) and {} or ({})",
                self.expression(deep),
                self.expression(deep),
                self.expression(deep)
            ),
            21 => format!(
                "(array[{}])[{}]",
                self.expression(deep),
                self.expression(deep)
            ),
            22 => format!("trim(both from {})", self.expression(deep)),
            23 => format!(
                "{} collate \"C\" like {}",
                self.expression(deep),
                self.expression(deep)
            ),
            24 if self.writes => format!("treat({} as pg_advisory_lock)", self.expression(deep)),
            _ => "a".to_owned(),
        }
    }

    fn call(&mut self, depth: u32) -> String {
        let reading = [
            "lower",
            "count",
            "pg_catalog.abs",
            "\"max\"",
            "generate_series",
            "LEFT",
            "\"pg_catalog\" . now",
        ];
        let writing = [
            "pg_notify",
            "nextval",
            "f",
            "public.lower",
            "over",
            "filter",
            "join",
            "by",
            "cube",
            "public.in",
            "t.exists",
            "\"Lower\"",
            "\"a\"\"lower\"",
            "u&\"lower\"",
            "U&\"\\0066\"",
            "U&\"f!0066\" uescape '!'",
            "pg_catalog.set_config",
            "recursive",
            "sets",
            "lo_create",
            "public.select",
            "ordinality",
            "zone",
            "PG_ADVISORY_LOCK",
            "materialized",
        ];
        let name = if self.hides(6) {
            self.random.one_of(&writing)
        } else {
            self.random.one_of(&reading)
        };
        let space = self.random.one_of(&["", "", " ", "/* ' */", "--\n", "\t"]);
        format!(
            "{name}{space}({}, {})",
            self.expression(depth + 1),
            self.expression(depth + 1)
        )
    }
}
