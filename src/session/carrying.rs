//! A client's settings, on their way to a server and back.

use std::rc::Rc;

use tidegate_proto::exchange::Owner;
use tidegate_proto::frontend::Close;
use tidegate_proto::frontend::Sync;
use tidegate_proto::frontend::Target;
use tidegate_proto::frontend::tag as frontend;

use crate::net::Outgoing;
use crate::pool;
use crate::pool::Lease;
use crate::session::Client;
use crate::session::End;
use crate::session::run::Session;

impl Session {
    /// All that was sent is answered.
    pub(super) fn settle(&mut self) -> Result<(), End> {
        if let Some(statements) = &mut self.statements {
            statements.rounds_settled();
        }
        if let Some(lease) = &mut self.lease {
            let told = self.conversation.settle(&self.client, lease)?;
            if !told.is_empty() {
                Outgoing::append(&mut self.to_client, &told);
            }
        }
        Ok(())
    }

    /// Asks the server what became of the parameters that the client has touched, if it matters.
    pub(super) fn ask(&mut self) -> Result<bool, End> {
        let Some(lease) = &mut self.lease else {
            return Ok(false);
        };
        if !self.conversation.must_ask(&self.client) {
            return Ok(false);
        }
        let question = self.conversation.ask();
        let mut messages = Vec::new();
        let statements = self.statements.get_or_insert_default();
        let asked = statements.ask(lease, &question.query(), &mut messages);
        asked.map_err(End::ClientViolation)?;
        Outgoing::append(&mut lease.promised.unsent, &messages);
        self.conversation.put(question);
        Ok(true)
    }

    /// Takes over what the server has answered, as soon as the client can be told of it.
    pub(super) fn learn(&mut self) -> Result<(), End> {
        let Some(lease) = &mut self.lease else {
            return Ok(());
        };
        let is_between_messages = lease.incoming.body_bytes == 0 || lease.incoming.swallows;
        if !self.conversation.is_answered || !is_between_messages {
            return Ok(());
        }
        self.conversation.is_answered = false;
        let Some(question) = self.conversation.take_question() else {
            return Ok(());
        };
        match question.learn(&self.client, &lease.settings)? {
            Some(learnt) => {
                lease.settings = learnt.server;
                self.client.set(learnt.client);
                if !learnt.told.is_empty() {
                    Outgoing::append(&mut self.to_client, &learnt.told);
                }
            },
            None => self.conversation.pin(),
        }
        self.conversation.ends_question();
        Ok(())
    }
}

/// Takes the unnamed statement of another client from a server that this client keeps: what it says
/// of its own is not translated.
pub(super) fn drop_what_is_unnamed(lease: &mut Lease, injected: &mut Vec<u8>) -> Result<(), End> {
    if lease.prepared.unnamed == pool::Unnamed::None {
        return Ok(());
    }
    let target = Target::Statement(b"");
    Close { target }.encode(injected)?;
    Sync.encode(injected);
    for tag in [frontend::CLOSE, frontend::SYNC] {
        let sent = lease.ledger.sent(tag, Owner::Pooler);
        sent.map_err(End::ClientViolation)?;
    }
    lease.card.own_rounds.begin();
    lease.prepared.unnamed = pool::Unnamed::None;
    Ok(())
}

/// Gives a server the settings of its client, if it has others: by a query of the pooler's own, in
/// the same write as what the client said.
pub(super) fn carry_settings(
    client: &Client,
    lease: &mut Lease,
    injected: &mut Vec<u8>,
) -> Result<(), End> {
    let settings = client.settings();
    if !Rc::ptr_eq(&settings, &lease.settings) {
        let pool = Rc::clone(&lease.pool);
        let mut sql = pool.home.sql();
        if lease.settings.transition(&settings, &mut sql, injected)? {
            lease
                .ledger
                .sent(frontend::QUERY, Owner::Pooler)
                .map_err(End::ClientViolation)?;
            lease.card.own_rounds.begin();
            lease.prepared.reads_query();
        }
        lease.settings = settings;
    }
    Ok(())
}
