//! The messages that clients send.

use tidegate_proto::fields::ObjectIds;
use tidegate_proto::frontend::Close;
use tidegate_proto::frontend::Describe;
use tidegate_proto::frontend::Execute;
use tidegate_proto::frontend::Parse;
use tidegate_proto::frontend::Query;
use tidegate_proto::frontend::Target;
use tidegate_proto::frontend::tag;

/// One message: the tag, and the whole of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message(pub(crate) Vec<u8>);

impl Message {
    pub(crate) fn tag(&self) -> u8 {
        self.0[0]
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.0[5..]
    }

    pub(crate) fn query(text: &str) -> Self {
        let query = text.as_bytes();
        Self::written(|bytes| Query { query }.encode(bytes).unwrap())
    }

    pub(crate) fn parse(name: &str, text: &str) -> Self {
        let parse = Parse {
            statement: name.as_bytes(),
            query: text.as_bytes(),
            parameter_types: ObjectIds::default(),
        };
        Self::written(|bytes| parse.encode(bytes).unwrap())
    }

    pub(crate) fn bind(portal: &str, statement: &str, values: &[&str]) -> Self {
        let mut body = [portal, "\0", statement, "\0\0\0"].concat().into_bytes();
        body.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
        for value in values {
            body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
            body.extend(value.as_bytes());
        }
        body.extend([0, 0]);
        Self::plain(tag::BIND, &body)
    }

    pub(crate) fn describe_statement(name: &str) -> Self {
        let target = Target::Statement(name.as_bytes());
        Self::written(|bytes| Describe { target }.encode(bytes).unwrap())
    }

    pub(crate) fn describe_portal(name: &str) -> Self {
        let target = Target::Portal(name.as_bytes());
        Self::written(|bytes| Describe { target }.encode(bytes).unwrap())
    }

    pub(crate) fn close_statement(name: &str) -> Self {
        let target = Target::Statement(name.as_bytes());
        Self::written(|bytes| Close { target }.encode(bytes).unwrap())
    }

    pub(crate) fn execute(portal: &str, row_limit: i32) -> Self {
        let portal = portal.as_bytes();
        Self::written(|bytes| Execute { portal, row_limit }.encode(bytes).unwrap())
    }

    pub(crate) fn plain(tag: u8, body: &[u8]) -> Self {
        let length = u32::try_from(body.len() + 4).unwrap();
        let mut bytes = vec![tag];
        bytes.extend(length.to_be_bytes());
        bytes.extend(body);
        Self(bytes)
    }

    pub(crate) fn sync() -> Self {
        Self::plain(tag::SYNC, b"")
    }

    pub(crate) fn flush() -> Self {
        Self::plain(tag::FLUSH, b"")
    }

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut bytes = Vec::new();
        write(&mut bytes);
        Self(bytes)
    }
}
