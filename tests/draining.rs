//! Clients that are asked to go at the end of their transaction go then, and not when somebody looks.
//!
//! In a world in memory in which nothing ticks.
#![cfg(test)]

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use tidegate::config::PoolMode;
use tidegate_world::Script;
use tidegate_world::World;
use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;

/// Behind the tasks that are ready now, and not behind all that these make ready.
async fn in_turn() {
    let mut is_over = false;
    poll_fn(|context| {
        if is_over {
            return Poll::Ready(());
        }
        is_over = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn who_was_asked_to_go_in_a_transaction_goes_right_behind_it() {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build_local(LocalOptions::default())
        .unwrap();
    runtime.block_on(async {
        let world = World::new(PoolMode::Transaction, 1);
        let mut first = world.connect("first", &Script::SIMPLE).await;
        let mut second = world.connect("second", &Script::SIMPLE).await;
        let world = Rc::new(world);
        let watched = Rc::clone(&world);
        let watcher = tokio::task::spawn_local(async move {
            // It has its turn between those of the sessions.
            for _ in 0..100 {
                if watched.waiting() > 0 {
                    watched.drain();
                    return true;
                }
                in_turn().await;
            }
            false
        });
        first.say().await;
        second.say().await;
        assert!(watcher.await.unwrap(), "nobody ever waited");
        for guest in [&mut first, &mut second] {
            guest.hear().await;
            let rest = guest.rest().await;
            let told = rest.windows(5).any(|code| code == b"57P01");
            assert!(told, "{}", String::from_utf8_lossy(&rest));
        }
    });
}
