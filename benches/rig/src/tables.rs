//! The table that the queries read, as SQL; and what is in it, so that an answer can be checked.
//!
//! It is the largest table of pgbench, but for its balances, which pgbench sets to 0: a pooler that
//! mixes answers up would go unnoticed.

use clap::Args;

/// Any prime will do: neighbours differ.
const MODULUS: u32 = 10_007;

/// So many clients have a row to write into, each its own.
const MARKS: u32 = 1_000;

/// How large the table is.
#[derive(Debug, Args)]
pub(crate) struct TableOptions {
    /// Rows of `pgbench_accounts`.
    #[arg(long)]
    accounts: u32,
}

/// The balance of an account.
pub(crate) fn balance(account: u32) -> u32 {
    (u64::from(account) * 7 % u64::from(MODULUS))
        .try_into()
        .unwrap_or(MODULUS)
}

/// The statements that make the tables.
pub(crate) fn sql(options: &TableOptions) -> String {
    let accounts = options.accounts;
    format!(
        "create table pgbench_accounts (aid int not null, bid int, abalance int, filler char(84));\n\
         insert into pgbench_accounts select aid, 1, aid::bigint * 7 % {MODULUS}, '' \
         from generate_series(1, {accounts}) aid;\n\
         alter table pgbench_accounts add primary key (aid);\n\
         create unlogged table sink (line text);\n\
         create table marks (client int primary key, value int not null) with (fillfactor = 10);\n\
         insert into marks select client, 0 from generate_series(0, {MARKS} - 1) client;\n\
         vacuum analyze marks;\n\
         grant all on all tables in schema public to public;\n\
         vacuum analyze pgbench_accounts;\n\
         checkpoint;"
    )
}
