//! What the watched processes used while a load was measured.

use serde_json::Value;
use serde_json::json;

use super::options::LoadOptions;
use crate::error::RigError;
use crate::process;
use crate::process::Usage;

/// A pooler, and servers with their children.
#[derive(Debug)]
pub(super) struct Watch {
    pooler: Option<u32>,
    servers: Vec<u32>,
    pooler_before: Usage,
    servers_before: Usage,
    memory_before: u64,
    memory_peak: u64,
    crowd: Option<Crowd>,
}

/// Memory before and after idle clients came.
#[derive(Debug)]
struct Crowd {
    before: u64,
    after: u64,
    clients: u32,
}

impl Watch {
    /// Those that the options name.
    pub(super) fn new(options: &LoadOptions) -> Self {
        Self {
            pooler: options.watch,
            servers: options.watch_tree.clone(),
            pooler_before: Usage::default(),
            servers_before: Usage::default(),
            memory_before: 0,
            memory_peak: 0,
            crowd: None,
        }
    }

    /// Idle clients are about to come.
    ///
    /// # Errors
    /// If the process is gone.
    pub(super) fn look_before_crowd(&mut self) -> Result<(), RigError> {
        let before = self.resident()?;
        self.crowd = Some(Crowd {
            before,
            after: before,
            clients: 0,
        });
        Ok(())
    }

    /// So many have come.
    ///
    /// # Errors
    /// If the process is gone.
    pub(super) fn look_after_crowd(&mut self, clients: u32) -> Result<(), RigError> {
        let after = self.resident()?;
        if let Some(crowd) = &mut self.crowd {
            (crowd.after, crowd.clients) = (after, clients);
        }
        Ok(())
    }

    /// What is used from now on counts.
    ///
    /// # Errors
    /// If a process is gone.
    pub(super) fn begin(&mut self) -> Result<(), RigError> {
        self.memory_before = self.resident()?;
        self.memory_peak = self.memory_before;
        self.servers_before = self.of_servers()?;
        self.pooler_before = self.of_pooler()?;
        Ok(())
    }

    /// Remembers the most memory there ever was.
    pub(super) fn look_at_memory(&mut self) {
        // A process that is gone is noticed at the end.
        self.memory_peak = self.memory_peak.max(self.resident().unwrap_or(0));
    }

    /// What was used since [`Watch::begin`].
    ///
    /// # Errors
    /// If a process is gone.
    pub(super) fn end(&mut self) -> Result<Value, RigError> {
        let pooler = self.of_pooler()?.since(self.pooler_before);
        let servers = self.of_servers()?.since(self.servers_before);
        self.look_at_memory();
        let crowd = self.crowd.as_ref().map(
            |crowd| json!({"before": crowd.before, "after": crowd.after, "clients": crowd.clients}),
        );
        Ok(json!({
            "cpu_ns": pooler.cpu_ns,
            "user_ns": pooler.user_ns(),
            "servers_cpu_ns": servers.cpu_ns,
            "resident_before": self.memory_before,
            "resident_peak": self.memory_peak,
            "crowd": crowd,
        }))
    }

    fn of_pooler(&self) -> Result<Usage, RigError> {
        let usage = self.pooler.map_or(Ok(Usage::default()), Usage::of);
        usage.map_err(RigError::io("see what the pooler uses"))
    }

    fn of_servers(&self) -> Result<Usage, RigError> {
        let mut sum = Usage::default();
        for server in &self.servers {
            let usage = Usage::of_tree(*server);
            sum = sum.and(usage.map_err(RigError::io("see what the servers use"))?);
        }
        Ok(sum)
    }

    fn resident(&self) -> Result<u64, RigError> {
        let bytes = self.pooler.map_or(Ok(0), process::resident_bytes);
        bytes.map_err(RigError::io("see the pooler's memory"))
    }
}
