//! The codes of a refusal, in every form of answer.

use http::StatusCode;

use crate::layer::{RefusalReason, headers::ErrorKind, keys::missing::Reason};

/// The codes of a refusal, in every form of answer.
pub(super) struct RefusalCodes<'a> {
    pub(super) status: StatusCode,
    pub(super) grpc: GrpcCode,
    /// The kind of error in the bodies of dialects.
    pub(super) kind: ErrorKind<'a>,
}

/// A gRPC status code.
#[derive(Clone, Copy)]
pub(super) enum GrpcCode {
    InvalidArgument = 3,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

impl<'a> RefusalCodes<'a> {
    pub(super) fn of(reason: RefusalReason<'a>) -> Self {
        let internal = (
            StatusCode::INTERNAL_SERVER_ERROR,
            GrpcCode::Internal,
            ErrorKind::Internal,
        );
        let (status, grpc, kind) = match reason {
            RefusalReason::Denied(denied) => (
                StatusCode::TOO_MANY_REQUESTS,
                GrpcCode::ResourceExhausted,
                ErrorKind::RateLimit(denied.primary().map(|status| status.limit.name())),
            ),
            RefusalReason::ExceedsCapacity(error) => (
                StatusCode::TOO_MANY_REQUESTS,
                GrpcCode::ResourceExhausted,
                ErrorKind::TooLarge(&error.limit),
            ),
            RefusalReason::Disabled(_) => (
                StatusCode::FORBIDDEN,
                GrpcCode::PermissionDenied,
                ErrorKind::Forbidden,
            ),
            RefusalReason::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                GrpcCode::Unavailable,
                ErrorKind::Unavailable,
            ),
            RefusalReason::MissingKey(missing) => match missing.reason() {
                Reason::Credential { .. } => (
                    StatusCode::UNAUTHORIZED,
                    GrpcCode::Unauthenticated,
                    ErrorKind::Unauthenticated,
                ),
                Reason::Absent(_) => (
                    StatusCode::BAD_REQUEST,
                    GrpcCode::InvalidArgument,
                    ErrorKind::BadRequest,
                ),
                Reason::Setup(_) => internal,
            },
            RefusalReason::Misconfigured(_) => internal,
        };
        Self { status, grpc, kind }
    }
}
