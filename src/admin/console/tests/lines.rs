//! How a session ends, and what holds up none.

use super::*;
use crate::limits::CONSOLE_OUTGOING_BYTES;
use crate::limits::CONSOLE_WRITE_TIMEOUT;

#[tokio::test]
async fn whoever_breaks_the_protocol_is_told_and_cut_off() {
    let too_long = u32::try_from(CONSOLE_MESSAGE_BYTES_MAX)
        .unwrap()
        .to_be_bytes();
    let too_long = [&b"Q"[..], &too_long].concat();
    for bytes in [
        &b"Q\0\0\0\x03"[..],
        b"y\0\0\0\x04",
        b"Q\0\0\0\x05x",
        b"p\0\0\0\x05\0",
        &too_long,
    ] {
        locally(async {
            let mut talk = Talk::welcomed(Role::Admin).await;
            let heard = talk.say(bytes).await;
            assert!(heard[0].starts_with("FATAL 08P01 bad packet"), "{heard:?}");
            assert_eq!(heard[1..], ["closed"]);
            talk.console.await.unwrap();
            assert!(talk.desk.roster.operators().is_empty());
        })
        .await;
    }
}

#[tokio::test]
async fn terminate_ends_the_session_and_so_does_going_away() {
    locally(async {
        let mut talk = Talk::welcomed(Role::Admin).await;
        let mut bytes = Vec::new();
        Terminate.encode(&mut bytes);
        assert_eq!(talk.say(&bytes).await, ["closed"]);
        talk.console.await.unwrap();

        let talk = Talk::welcomed(Role::Admin).await;
        drop(talk.far);
        talk.console.await.unwrap();
        assert!(talk.desk.roster.operators().is_empty());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_does_not_answer_is_named_and_not_waited_for() {
    locally(async {
        let (mailboxes, letters) = crate::session::Mailboxes::new(1);
        let (desk, _orders) = sample::desk_over(mailboxes);
        let (operator, far) = sample::operator();
        let console = tokio::task::spawn_local(converse(operator, Arc::clone(&desk)));
        let orders = mpsc::channel(1).1;
        let mut talk = Talk {
            far,
            desk,
            orders,
            console,
        };
        talk.hear().await;
        let heard = talk.ask("SHOW SERVERS").await;
        assert_eq!(
            heard[1],
            "WARNING 01000 no answer from worker 0: what lives there is missing"
        );
        assert_eq!(heard[2..], ["CommandComplete SHOW"]);
        drop(letters);
    })
    .await;
}

#[tokio::test]
async fn no_secret_is_shown() {
    locally(async {
        let mut talk = Talk::welcomed(Role::Admin).await;
        for topic in Topic::ALL {
            let heard = talk.ask(&format!("SHOW {}", topic.word())).await;
            assert!(!heard.concat().contains(sample::SECRET), "{topic:?}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_does_not_read_is_cut_off() {
    locally(async {
        let (desk, _orders) = sample::desk(1);
        let (operator, mut far) = sample::operator_over(Role::Stats, 8 * 1024);
        let console = tokio::task::spawn_local(converse(operator, Arc::clone(&desk)));
        let mut bytes = Vec::new();
        for _ in 0..20 {
            let query = b"SHOW CONFIG";
            Query { query }.encode(&mut bytes).unwrap();
        }
        far.write_all(&bytes).await.unwrap();
        let before = tokio::time::Instant::now();
        console.await.unwrap();
        assert_eq!(before.elapsed().as_secs(), CONSOLE_WRITE_TIMEOUT.as_secs());
        assert!(desk.roster.operators().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_long_answer_comes_in_pieces_and_whole() {
    locally(async {
        let (desk, _orders) = sample::desk(400);
        let (operator, mut far) = sample::operator_over(Role::Stats, 1024);
        let console = tokio::task::spawn_local(converse(operator, Arc::clone(&desk)));
        let mut bytes = Vec::new();
        let query = b"SHOW CLIENTS";
        Query { query }.encode(&mut bytes).unwrap();
        Terminate.encode(&mut bytes);
        far.write_all(&bytes).await.unwrap();
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await.unwrap();
        assert!(heard.len() > 2 * CONSOLE_OUTGOING_BYTES, "{}", heard.len());
        let (mut rest, mut rows) = (&heard[..], 0);
        while let Some((frame, after)) = Frame::split(Sender::Backend, rest).unwrap() {
            rows += usize::from(frame.header.tag() == b'D');
            rest = after;
        }
        assert!(rest.is_empty());
        assert_eq!(rows, 2 * 400 + 1);
        console.await.unwrap();
    })
    .await;
}
