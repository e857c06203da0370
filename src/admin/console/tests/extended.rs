//! The extended protocol.

use super::*;

#[tokio::test]
async fn the_extended_protocol_is_spoken() {
    locally(async {
        let mut talk = Talk::welcomed(Role::Stats).await;
        let mut bytes = Vec::new();
        parse(b"s", "SHOW STATE", &mut bytes);
        describe(Target::Statement(b"s"), &mut bytes);
        bind(b"p", b"s", &[0], &mut bytes);
        describe(Target::Portal(b"p"), &mut bytes);
        execute(b"p", 2, &mut bytes);
        execute(b"p", 2, &mut bytes);
        execute(b"p", 2, &mut bytes);
        let target = Target::Portal(b"p");
        Close { target }.encode(&mut bytes).unwrap();
        Flush.encode(&mut bytes);
        Sync.encode(&mut bytes);
        let expected = [
            "ParseComplete",
            "ParameterDescription",
            "RowDescription key value",
            "BindComplete",
            "RowDescription key value",
            "DataRow active yes",
            "DataRow paused no",
            "PortalSuspended",
            "DataRow suspended no",
            "CommandComplete SHOW",
            "CommandComplete SHOW",
            "CloseComplete",
        ];
        assert_eq!(talk.say(&bytes).await, expected);
        // The statement has outlived the pipeline.
        let mut bytes = Vec::new();
        bind(b"", b"s", &[], &mut bytes);
        Sync.encode(&mut bytes);
        assert_eq!(talk.say(&bytes).await, ["BindComplete"]);
    })
    .await;
}

#[tokio::test]
async fn commands_without_rows_work_by_the_extended_protocol_too() {
    locally(async {
        let mut talk = Talk::welcomed(Role::Stats).await;
        let mut bytes = Vec::new();
        parse(b"", "SET timezone = 'UTC'", &mut bytes);
        describe(Target::Statement(b""), &mut bytes);
        bind(b"", b"", &[], &mut bytes);
        execute(b"", 0, &mut bytes);
        execute(b"", 0, &mut bytes);
        Sync.encode(&mut bytes);
        let expected = [
            "ParseComplete",
            "ParameterDescription",
            "NoData",
            "BindComplete",
            "NOTICE 00000 SET ignored",
            "CommandComplete SET",
            "ERROR 55000 portal \"\" cannot be run",
        ];
        assert_eq!(talk.say(&bytes).await, expected);
        let expected = ["ParseComplete", "BindComplete", "EmptyQueryResponse"];
        assert_eq!(talk.say(&run(";")).await, expected);
    })
    .await;
}

#[tokio::test]
async fn results_are_binary_where_a_driver_asks_for_it() {
    locally(async {
        let mut talk = Talk::welcomed(Role::Stats).await;
        let mut bytes = Vec::new();
        parse(b"", "SHOW LISTS", &mut bytes);
        bind(b"", b"", &[0, 1], &mut bytes);
        execute(b"", 1, &mut bytes);
        Sync.encode(&mut bytes);
        let heard = talk.say(&bytes).await;
        assert_eq!(heard[2], "DataRow databases \0\0\0\u{2}");
    })
    .await;
}

#[tokio::test]
async fn sync_after_error_resumes_the_pipeline() {
    locally(async {
        let mut talk = Talk::welcomed(Role::Stats).await;
        let too_many = vec![0; 3];
        for (prepare, error) in [
            (
                &|bytes: &mut Vec<u8>| parse(b"", "SHOW ME", bytes) as (),
                "ERROR 08P01 invalid command 'SHOW ME', use SHOW HELP;",
            ),
            (
                &|bytes: &mut Vec<u8>| bind(b"", b"x", &[], bytes),
                "ERROR 26000 prepared statement \"x\" does not exist",
            ),
            (
                &|bytes: &mut Vec<u8>| execute(b"x", 0, bytes),
                "ERROR 34000 portal \"x\" does not exist",
            ),
            (
                &|bytes: &mut Vec<u8>| describe(Target::Portal(b"x"), bytes),
                "ERROR 34000 portal \"x\" does not exist",
            ),
            (
                &|bytes: &mut Vec<u8>| bind(b"", b"state", &[2], bytes),
                "ERROR 22023 unsupported format code: 2",
            ),
            (
                &|bytes: &mut Vec<u8>| bind(b"", b"state", &too_many, bytes),
                "ERROR 08P01 bind message has 3 result formats but query has 2 columns",
            ),
        ] as [(&dyn Fn(&mut Vec<u8>), &str); 6]
        {
            let mut bytes = Vec::new();
            let target = Target::Statement(b"state");
            Close { target }.encode(&mut bytes).unwrap();
            parse(b"state", "SHOW STATE", &mut bytes);
            prepare(&mut bytes);
            // All of this is skipped.
            parse(b"state", "SHOW STATE", &mut bytes);
            execute(b"y", 0, &mut bytes);
            Sync.encode(&mut bytes);
            let expected = ["CloseComplete", "ParseComplete", error];
            assert_eq!(talk.say(&bytes).await, expected);
        }
        assert_eq!(talk.ask("SHOW VERSION").await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn names_are_taken_until_they_are_closed_and_there_is_an_end_to_them() {
    locally(async {
        let mut talk = Talk::welcomed(Role::Stats).await;
        let mut bytes = Vec::new();
        parse(b"s", "SHOW STATE", &mut bytes);
        parse(b"s", "SHOW STATE", &mut bytes);
        Sync.encode(&mut bytes);
        let taken = "ERROR 42P05 prepared statement \"s\" already exists";
        assert_eq!(talk.say(&bytes).await, ["ParseComplete", taken]);
        let mut bytes = Vec::new();
        for number in 1..=CONSOLE_STATEMENTS_MAX {
            parse(number.to_string().as_bytes(), "SHOW STATE", &mut bytes);
        }
        Sync.encode(&mut bytes);
        let heard = talk.say(&bytes).await;
        let full = "ERROR 54000 too many prepared statements or portals";
        assert_eq!(heard.len(), CONSOLE_STATEMENTS_MAX);
        assert_eq!(heard.last().unwrap(), full);
    })
    .await;
}
