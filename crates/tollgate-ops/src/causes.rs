//! The errors of the SDK in one line.

use std::{error::Error, iter};

use aws_sdk_dynamodb::error::ErrorMetadata;

/// Returns the code and the message of AWS if it answered, and the causes of the error otherwise.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let chain = iter::successors(Some(error), |error| (*error).source());
    let mut texts: Vec<String> = Vec::new();
    for cause in chain {
        if let Some(answer) = cause.downcast_ref::<ErrorMetadata>() {
            let code = answer.code().unwrap_or("unknown error");
            return match answer.message() {
                Some(message) => format!("{code}: {message}"),
                None => code.to_owned(),
            };
        }
        let text = cause.to_string();
        // An error of a known kind tells its cause too.
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::{
        operation::update_item::UpdateItemError, types::error::ResourceNotFoundException,
    };
    use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};

    use super::*;

    #[test]
    fn an_answer_is_its_code_and_its_message() {
        let answer = ErrorMetadata::builder();
        let answer = answer.code("AccessDeniedException").message("no right");
        let unknown = SdkError::service_error(UpdateItemError::generic(answer.build()), ());
        assert_eq!(causes(&unknown), "AccessDeniedException: no right");

        let missing = ResourceNotFoundException::builder().message("no table");
        let known = UpdateItemError::ResourceNotFoundException(missing.build());
        let text = causes(&SdkError::service_error(known, ()));
        assert!(
            text.ends_with("ResourceNotFoundException: no table"),
            "{text}"
        );
    }

    #[test]
    fn a_call_without_an_answer_tells_its_causes_once() {
        let refused = std::io::Error::other("Connection refused");
        let failure = ConnectorError::io(refused.into());
        let error: SdkError<UpdateItemError, ()> = SdkError::dispatch_failure(failure);
        let text = causes(&error);
        assert!(text.starts_with("dispatch failure"), "{text}");
        assert_eq!(text.matches("Connection refused").count(), 1, "{text}");
    }
}
