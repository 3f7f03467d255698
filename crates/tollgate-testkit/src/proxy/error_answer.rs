//! Errors in the form of DynamoDB's answers.

use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde_json::{Value, json};

const MODEL: &str = "com.amazonaws.dynamodb.v20120810";

/// An error answer of DynamoDB, for [`Fault::answer`](super::Fault::answer).
///
/// # Examples
///
/// ```
/// use tollgate_testkit::{Engine, ErrorAnswer, Fault, Proxy};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use aws_sdk_dynamodb::error::ProvideErrorMetadata;
///
/// let engine = Engine::start().await;
/// let proxy = Proxy::start(engine.address()).await;
/// proxy.set_fault(Fault::answer(ErrorAnswer::internal_server_error()));
///
/// let error = proxy.client().list_tables().send().await.unwrap_err();
/// assert_eq!(error.code(), Some("InternalServerError"));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ErrorAnswer {
    status: StatusCode,
    body: Value,
}

impl ErrorAnswer {
    /// Returns `ProvisionedThroughputExceededException`, status 400: the table or a partition
    /// exceeds its throughput.
    pub fn throughput_exceeded() -> Self {
        Self::plain(
            StatusCode::BAD_REQUEST,
            format!("{MODEL}#ProvisionedThroughputExceededException"),
            "The level of configured provisioned throughput for the table was exceeded.",
        )
    }

    /// Returns `ThrottlingException`, status 400: requests come faster than the account or the
    /// table allows.
    pub fn throttling() -> Self {
        Self::plain(
            StatusCode::BAD_REQUEST,
            "com.amazon.coral.availability#ThrottlingException".to_owned(),
            "Rate of requests exceeds the allowed throughput.",
        )
    }

    /// Returns `ThrottlingException`, status 400, whose reason is a partition key that is used more
    /// often than one partition allows.
    pub fn hot_key() -> Self {
        let mut answer = Self::throttling();
        answer.body["throttlingReasons"] = json!([{
            "reason": "TableWriteKeyRangeThroughputExceeded",
            "resource": "arn:aws:dynamodb:us-east-1:000000000000:table/table",
        }]);
        answer
    }

    /// Returns `InternalServerError`, status 500. With the real service, such a write may have been
    /// done. With [`Fault::answer`](super::Fault::answer), it was not forwarded.
    pub fn internal_server_error() -> Self {
        Self::plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("{MODEL}#InternalServerError"),
            "Internal server error",
        )
    }

    /// Returns `TransactionConflictException`, status 400: a write of one item was not done because
    /// of a transaction on that item.
    pub fn transaction_conflict() -> Self {
        Self::plain(
            StatusCode::BAD_REQUEST,
            format!("{MODEL}#TransactionConflictException"),
            "Transaction is ongoing for the item",
        )
    }

    /// Returns `TransactionInProgressException`, status 400: a transaction with the same token is
    /// being executed.
    pub fn transaction_in_progress() -> Self {
        Self::plain(
            StatusCode::BAD_REQUEST,
            format!("{MODEL}#TransactionInProgressException"),
            "The transaction with the given request token is already in progress.",
        )
    }

    /// Returns `TransactionCanceledException`, status 400, with one reason per item of the
    /// transaction: `"None"` for an item without a problem, else a code such as
    /// `"TransactionConflict"` or `"ThrottlingError"`.
    pub fn transaction_canceled<'a>(codes: impl IntoIterator<Item = &'a str>) -> Self {
        let codes: Vec<&str> = codes.into_iter().collect();
        let reasons: Vec<Value> = codes.iter().map(|code| json!({ "Code": code })).collect();
        Self {
            status: StatusCode::BAD_REQUEST,
            body: json!({
                "__type": format!("{MODEL}#TransactionCanceledException"),
                "Message": format!(
                    "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
                    codes.join(", ")
                ),
                "CancellationReasons": reasons,
            }),
        }
    }

    /// Returns `AccessDeniedException`, status 400: the credentials lack the permission for
    /// `action`, such as `dynamodb:UpdateItem`.
    pub fn access_denied(action: &str) -> Self {
        let message = format!(
            "User: arn:aws:sts::000000000000:assumed-role/api/test is not authorized to perform: {action} on resource: \
             arn:aws:dynamodb:us-east-1:000000000000:table/table because no identity-based policy allows the {action} \
             action"
        );
        Self::plain(
            StatusCode::BAD_REQUEST,
            "com.amazon.coral.service#AccessDeniedException".to_owned(),
            &message,
        )
    }

    /// Returns `UnrecognizedClientException`, status 400: the access key is unknown.
    pub fn unrecognized_client() -> Self {
        Self::plain(
            StatusCode::BAD_REQUEST,
            "com.amazon.coral.service#UnrecognizedClientException".to_owned(),
            "The security token included in the request is invalid.",
        )
    }

    /// Returns `ValidationException`, status 400: the request is not valid.
    pub fn validation() -> Self {
        Self::plain(
            StatusCode::BAD_REQUEST,
            "com.amazon.coral.validate#ValidationException".to_owned(),
            "One or more parameter values were invalid.",
        )
    }

    /// Returns an error with any other code and status.
    ///
    /// # Panics
    /// If `status` is not an HTTP status.
    pub fn other(status: u16, code: &str) -> Self {
        let status = StatusCode::from_u16(status).expect("an HTTP status");
        Self::plain(status, format!("{MODEL}#{code}"), "The test says so.")
    }

    /// Returns any other answer, which the engine itself never gives.
    ///
    /// # Panics
    /// If `status` is not an HTTP status.
    pub fn raw(status: u16, body: Value) -> Self {
        Self {
            status: StatusCode::from_u16(status).expect("an HTTP status"),
            body,
        }
    }

    fn plain(status: StatusCode, kind: String, message: &str) -> Self {
        Self {
            status,
            body: json!({ "__type": kind, "message": message }),
        }
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.body.to_string()));
        *response.status_mut() = self.status;
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-amz-json-1.0"),
        );
        response
    }
}
