//! The codes that stand where a startup message has its version. Their major version, 1234, will
//! never be one.

/// `CancelRequest`: 1234.5678.
pub(super) const CANCEL_REQUEST: u32 = 80_877_102;
/// `SSLRequest`: 1234.5679.
pub(super) const SSL_REQUEST: u32 = 80_877_103;
/// `GSSENCRequest`: 1234.5680.
pub(super) const GSSENC_REQUEST: u32 = 80_877_104;
