//! Names the private endpoint of a cloud through which a connection came.
//!
//! An id means something only together with its cloud: the numbers of Azure and of Google Cloud
//! share a range, so the two must never be compared as bare strings.

use std::fmt;

use crate::limits::PROXY_ENDPOINT_ID_BYTES_MAX;

/// A cloud that puts private-endpoint ids into PROXY v2 headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cloud {
    /// Amazon: a VPC endpoint (`PP2_SUBTYPE_AWS_VPCE_ID`).
    Aws,
    /// Microsoft: a Private Endpoint's `LinkID` (`PP2_SUBTYPE_AZURE_PRIVATEENDPOINT_LINKID`).
    Azure,
    /// Google: a Private Service Connect connection (`pscConnectionId`).
    Gcp,
}

impl Cloud {
    /// The name used in configuration, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Azure => "azure",
            Self::Gcp => "gcp",
        }
    }

    /// The cloud of that name, written as [`as_str`](Self::as_str) writes it.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Aws, Self::Azure, Self::Gcp]
            .into_iter()
            .find(|cloud| cloud.as_str() == name)
    }
}

/// One private endpoint: a cloud, and the id it gave. The id is always in the form that a header
/// yields, so two endpoints are the same exactly if they are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrivateEndpoint {
    cloud: Cloud,
    id: Box<str>,
}

impl PrivateEndpoint {
    /// The endpoint with this id, or `None` if the cloud cannot give such an id: for AWS letters,
    /// digits and hyphens, for Azure a decimal `u32`, for Google Cloud a decimal `u64`, both
    /// without sign or leading zeros.
    pub fn new(cloud: Cloud, id: &str) -> Option<Self> {
        let is_valid = match cloud {
            Cloud::Aws => {
                !id.is_empty()
                    && id.len() <= PROXY_ENDPOINT_ID_BYTES_MAX
                    && id
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            },
            Cloud::Azure => id.parse::<u32>().is_ok_and(|link| link.to_string() == id),
            Cloud::Gcp => id.parse::<u64>().is_ok_and(|psc| psc.to_string() == id),
        };
        is_valid.then(|| Self {
            cloud,
            id: id.into(),
        })
    }

    /// The endpoint of an Azure `LinkID`.
    pub(super) fn azure(link_id: u32) -> Self {
        Self {
            cloud: Cloud::Azure,
            id: link_id.to_string().into(),
        }
    }

    /// The endpoint of a Google Cloud `pscConnectionId`.
    pub(super) fn gcp(psc_connection_id: u64) -> Self {
        Self {
            cloud: Cloud::Gcp,
            id: psc_connection_id.to_string().into(),
        }
    }

    /// The cloud.
    pub fn cloud(&self) -> Cloud {
        self.cloud
    }

    /// The id: printable ASCII without spaces.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for PrivateEndpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.cloud.as_str(), self.id)
    }
}
