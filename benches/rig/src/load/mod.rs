//! The load generator: many clients in few threads, and what the watched processes used meanwhile.
//!
//! It looks at a process at the same two moments between which it counts transactions, so that the
//! time of processors and the transactions belong together.

mod client;
mod connection;
mod copy;
mod kind;
mod login;
mod mark;
mod options;
mod random;
mod replies;
mod stage;
mod strace;
mod tally;
mod tls;
mod watch;

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tokio::sync::Semaphore;

use self::client::Here;
use self::kind::Request;
use self::login::Account;
use self::stage::Stage;
use self::stage::Stages;
use self::strace::Strace;
use self::tally::Tally;
use self::watch::Watch;
use crate::clock;
use crate::error::RigError;
use crate::runtime;
use crate::say;

pub(crate) use self::options::LoadOptions;

const SCRATCH_BYTES: usize = 256 * 1024;
/// Clients of one thread that log in at the same time.
const DOORS: usize = 32;
const CONNECT_LIMIT: Duration = Duration::from_mins(2);
const ONCE_LIMIT: Duration = Duration::from_mins(5);
/// How long the last transactions may take.
const END_LIMIT: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(10);
/// Idle clients that are there before memory is looked at for the first time, so that what is
/// allocated once does not count for each.
const IDLE_BEFORE_MAX: u32 = 200;

/// Runs a load and prints what came of it.
///
/// # Errors
/// If a client could not log in, or nothing was measured at all.
pub(crate) fn run(options: &LoadOptions) -> Result<(), RigError> {
    let stages = Arc::new(Stages::new());
    let threads = start(options, &stages)?;
    let outcome = conduct(options, &stages);
    stages.enter(Stage::Stopping);
    let mut tally = Tally::new();
    for thread in threads {
        let part = thread.join();
        tally.add(&part.unwrap_or_else(|_panic| Err(RigError::Late("a thread's end".to_owned())))?);
    }
    let (seconds, watched) = outcome?;
    let mut report = json!({
        "transactions": tally.transactions,
        "rows": tally.rows,
        "bytes": tally.bytes,
        "errors": tally.errors,
        "first_error": stages.failure(),
        "seconds": seconds,
        "p50_us": tally.latencies.quantile_us(0.50),
        "p95_us": tally.latencies.quantile_us(0.95),
        "p99_us": tally.latencies.quantile_us(0.99),
        "p999_us": tally.latencies.quantile_us(0.999),
        "max_us": tally.latencies.max_us(),
        "write_p50_us": tally.latencies_of_writes.quantile_us(0.50),
        "write_p99_us": tally.latencies_of_writes.quantile_us(0.99),
    });
    if let (Value::Object(report), Value::Object(watched)) = (&mut report, watched) {
        report.extend(watched);
    }
    say::line(&report.to_string());
    Ok(())
}

fn start(
    options: &LoadOptions,
    stages: &Arc<Stages>,
) -> Result<Vec<JoinHandle<Result<Tally, RigError>>>, RigError> {
    let threads = options.threads.max(1);
    let tls = options.tls_ca.as_deref().map(tls::connector).transpose()?;
    let mut handles = Vec::new();
    for thread in 0..threads {
        let (options, stages, tls) = (options.clone(), Arc::clone(stages), tls.clone());
        handles.push(thread::spawn(move || {
            let here = Here {
                request: Request {
                    kind: options.kind,
                    accounts: options.accounts,
                    is_checked: !options.unchecked,
                    text: options.query.clone(),
                },
                account: Account::new(&options.user, &options.database, &options.password),
                tls,
                stages,
                scratch: RefCell::new(vec![0; SCRATCH_BYTES]),
                tally: RefCell::new(Tally::new()),
                doors: Semaphore::new(DOORS),
                logins: Cell::new(thread),
                options,
            };
            run_thread(here, thread, threads)
        }));
    }
    Ok(handles)
}

/// The clients whose number belongs to this thread.
fn run_thread(here: Here, thread: u32, threads: u32) -> Result<Tally, RigError> {
    let here = Rc::new(here);
    runtime::local()?.block_on(async {
        let mut tasks = Vec::new();
        let (clients, idle) = (here.options.clients, here.options.idle);
        for number in (0..clients).filter(|number| number % threads == thread) {
            let here = Rc::clone(&here);
            tasks.push(tokio::task::spawn_local(async move {
                let ended = client::active(Rc::clone(&here), number).await;
                note(&here, ended);
            }));
        }
        for number in (0..idle).filter(|number| number % threads == thread) {
            let here = Rc::clone(&here);
            tasks.push(tokio::task::spawn_local(async move {
                if number >= idle_before(idle) {
                    here.stages.until(Stage::Crowding).await;
                }
                let ended = client::idle(Rc::clone(&here), number).await;
                note(&here, ended);
            }));
        }
        here.stages.until(Stage::Stopping).await;
        let ends = async {
            for task in tasks {
                drop(task.await);
            }
        };
        if tokio::time::timeout(END_LIMIT, ends).await.is_err() {
            note(&here, Err(RigError::Late("the last answer".to_owned())));
        }
    });
    let tally = here.tally.replace(Tally::new());
    Ok(tally)
}

fn note(here: &Here, ended: Result<(), RigError>) {
    if let Err(error) = ended {
        here.tally.borrow_mut().errors += 1;
        here.stages.fail(error.to_string());
    }
}

fn idle_before(idle: u32) -> u32 {
    (idle / 10).min(IDLE_BEFORE_MAX)
}

/// Leads the clients through the stages; seconds, and what the watched processes used.
fn conduct(options: &LoadOptions, stages: &Stages) -> Result<(f64, Value), RigError> {
    let before = options.clients + idle_before(options.idle);
    let mut watch = Watch::new(options);
    wait(stages, "connecting", CONNECT_LIMIT, || {
        stages.connected() >= before
    })?;
    if options.idle > 0 {
        let settle = Duration::from_secs_f64(options.settle);
        thread::sleep(settle);
        watch.look_before_crowd()?;
        stages.enter(Stage::Crowding);
        let all = options.clients + options.idle;
        wait(stages, "connecting", CONNECT_LIMIT, || {
            stages.connected() >= all
        })?;
        thread::sleep(settle);
        watch.look_after_crowd(options.idle - idle_before(options.idle))?;
    }
    if !options.once {
        stages.enter(Stage::Warming);
        thread::sleep(Duration::from_secs_f64(options.warm_up));
    }
    let strace = match (&options.strace, options.watch) {
        (Some(output), Some(pid)) => Some(Strace::attach(pid, output)?),
        _ => None,
    };
    watch.begin()?;
    let begin = clock::now();
    stages.enter(Stage::Measuring);
    if options.once {
        let clients = options.clients;
        wait(stages, "the transactions", ONCE_LIMIT, || {
            watch.look_at_memory();
            stages.finished() >= clients
        })?;
    } else {
        thread::sleep(Duration::from_secs_f64(options.seconds));
        // A machine that is busy with something else may need longer for even one.
        let is_enough = || options.clients == 0 || stages.is_measured();
        wait(stages, "a transaction", CONNECT_LIMIT, is_enough)?;
    }
    stages.enter(Stage::Stopping);
    let seconds = begin.elapsed().as_secs_f64();
    let mut watched = watch.end()?;
    if let (Some(strace), Value::Object(watched)) = (strace, &mut watched) {
        watched.insert("system_calls".to_owned(), strace.finish()?);
    }
    Ok((seconds, watched))
}

/// Waits for something the clients do; whatever goes wrong with one of them ends that.
fn wait(
    stages: &Stages,
    what: &str,
    limit: Duration,
    mut is_done: impl FnMut() -> bool,
) -> Result<(), RigError> {
    let begin = clock::now();
    while !is_done() {
        if let Some(failure) = stages.failure() {
            return Err(RigError::Refused(failure));
        }
        if begin.elapsed() > limit {
            return Err(RigError::Late(what.to_owned()));
        }
        thread::sleep(STEP);
    }
    Ok(())
}
