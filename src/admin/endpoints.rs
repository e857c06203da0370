//! What is known of tenants' endpoints at one moment: for the console and the page of metrics.

use std::time::Duration;

use tokio::time::Instant;

use crate::admin::Desk;
use crate::routing::EndpointView;
use crate::routing::Lsn;
use crate::routing::Preferences;
use crate::routing::Reader;
use crate::routing::Readers;
use crate::routing::State;
use crate::routing::Unfit;
use crate::routing::WHOLE_SHARE;
use crate::tenancy::Tenant;

/// What is known of one endpoint.
#[derive(Debug)]
pub(in crate::admin) struct Endpoint {
    /// What it says of itself.
    pub(in crate::admin) view: EndpointView,
    /// What it is as something to read from; none if nobody looks at it.
    pub(in crate::admin) reader: Option<Reader>,
    /// Where the primary was when it was last asked.
    written: Option<Lsn>,
    now: Instant,
}

impl Endpoint {
    /// A tenant's endpoints, in the order of the configuration. Of a tenant that nobody uses only the
    /// configuration is known.
    pub(in crate::admin) fn all(desk: &Desk, tenant: &Tenant, now: Instant) -> Vec<Self> {
        let Some(topology) = desk.topologies.in_use(tenant.slot()) else {
            let endpoints = &tenant.config().endpoints;
            let unseen = |endpoint| Self {
                view: EndpointView::unseen(endpoint),
                reader: None,
                written: None,
                now,
            };
            return endpoints.iter().map(unseen).collect();
        };
        // As a worker would see it that asks now: of the region, nothing shows.
        let mut readers = Readers::new();
        let preferences = Preferences::of("", &tenant.config());
        readers.refresh(&topology, &preferences, now);
        let views = topology.view(now);
        let primary = views.iter().find(|view| view.is_primary);
        let written = primary.and_then(|view| Some(view.sighting?.lsn));
        let endpoint = |view: EndpointView| Self {
            reader: readers
                .iter()
                .find(|reader| reader.endpoint == view.endpoint)
                .cloned(),
            view,
            written,
            now,
        };
        views.into_iter().map(endpoint).collect()
    }

    /// Whether somebody looks at it.
    pub(in crate::admin) fn is_watched(&self) -> bool {
        self.reader.is_some()
    }

    /// Whether it answered when it was last asked.
    pub(in crate::admin) fn is_up(&self) -> bool {
        self.view.sighting.is_some() && self.view.failures == 0
    }

    /// How many bytes a standby has not replayed yet of what the primary had written when it was last
    /// asked.
    pub(in crate::admin) fn lag_bytes(&self) -> Option<u64> {
        let sighting = self.view.sighting?;
        let is_standby = sighting.state == State::Standby;
        let written = self.written.filter(|_| is_standby)?;
        Some(sighting.lsn.behind(written))
    }

    /// How old the last transaction is that a standby has replayed.
    pub(in crate::admin) fn lag(&self) -> Option<Duration> {
        self.view.sighting?.lag
    }

    /// Why it is not read from at all.
    pub(in crate::admin) fn unfit(&self) -> Option<Unfit> {
        self.reader.as_ref()?.unfit_now(self.now)
    }

    /// Which part it gets of the reads that are its by its weight, in percent.
    pub(in crate::admin) fn share_percent(&self) -> Option<u32> {
        let reader = self.reader.as_ref()?;
        Some(reader.share(self.now) * 100 / WHOLE_SHARE)
    }

    /// For how long it is left out of reads, because servers of it failed.
    pub(in crate::admin) fn ejected_for(&self) -> Option<Duration> {
        let until = self.reader.as_ref()?.ejected_until?;
        let left = until.saturating_duration_since(self.now);
        (!left.is_zero()).then_some(left)
    }
}
