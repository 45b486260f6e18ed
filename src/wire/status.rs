//! The statuses slimcp answers with, and the refusal that carries one.

use std::borrow::Cow;

/// Defines [`Status`] and its texts from one table, so that no code or reason stands twice.
macro_rules! statuses {
    ($($name:ident = $code:literal $reason:literal: $doc:literal,)*) => {
        /// An HTTP status (RFC 9110 section 15) that slimcp uses.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub enum Status {
            $(#[doc = $doc] $name = $code,)*
        }

        impl Status {
            /// Every status, in the order of their codes.
            pub const ALL: &'static [Status] = &[$(Status::$name,)*];

            /// The three digits.
            pub const fn code(self) -> u16 {
                self as u16
            }

            /// The reason phrase of RFC 9110 or RFC 6585.
            pub const fn reason(self) -> &'static str {
                match self {
                    $(Status::$name => $reason,)*
                }
            }

            /// The whole status line with its end, ready to be sent.
            pub const fn line(self) -> &'static str {
                match self {
                    $(Status::$name => {
                        concat!("HTTP/1.1 ", stringify!($code), " ", $reason, "\r\n")
                    })*
                }
            }
        }
    };
}

statuses! {
    Ok = 200 "OK": "The answer is in the body.",
    Accepted = 202 "Accepted": "A message was taken; an answer, if any, comes on a stream.",
    NoContent = 204 "No Content": "Done, and there is nothing to say.",
    NotModified = 304 "Not Modified": "The peer has the current version.",
    BadRequest = 400 "Bad Request": "The peer broke the protocol.",
    Unauthorized = 401 "Unauthorized": "No token, or one that is not known.",
    Forbidden = 403 "Forbidden": "A known peer may not do this, or its Host or Origin is wrong.",
    NotFound = 404 "Not Found": "No such path, session or method.",
    MethodNotAllowed = 405 "Method Not Allowed": "The path exists, the HTTP method does not.",
    NotAcceptable = 406 "Not Acceptable": "The peer takes none of the formats that we have.",
    RequestTimeout = 408 "Request Timeout": "Head or body did not arrive in time.",
    Conflict = 409 "Conflict": "The session already has what the peer asks for.",
    Gone = 410 "Gone": "It was there and is not any more.",
    LengthRequired = 411 "Length Required": "A body of unknown length is not taken here.",
    ContentTooLarge = 413 "Content Too Large": "The body is over `limits.body`.",
    UnsupportedMediaType = 415 "Unsupported Media Type": "The body is not JSON.",
    ExpectationFailed = 417 "Expectation Failed": "`Expect` is not 100-continue.",
    TooManyRequests = 429 "Too Many Requests": "The principal is over its rate.",
    HeadTooLarge = 431 "Request Header Fields Too Large": "The head has too many bytes or fields.",
    InternalServerError = 500 "Internal Server Error": "A fault of ours.",
    NotImplemented = 501 "Not Implemented": "A transfer coding that slimcp does not speak.",
    ServiceUnavailable = 503 "Service Unavailable": "A table or the budget is full, or we drain.",
    VersionNotSupported = 505 "HTTP Version Not Supported": "The peer does not speak HTTP/1.",
}

/// An HTTP answer that says no. After one from this layer the connection is closed, because where
/// the next request would begin is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the peer's program reads.
    pub status: Status,
    /// What a person reads: the reason, and where there is one, the setting to change.
    pub text: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with its reason.
    pub fn new(status: Status, text: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal {
            status,
            text: text.into(),
        }
    }

    /// 400: the peer broke the rule that `text` states.
    pub fn bad_request(text: &'static str) -> Refusal {
        Refusal::new(Status::BadRequest, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_code_and_reason() {
        for status in Status::ALL {
            let line = format!("HTTP/1.1 {} {}\r\n", status.code(), status.reason());
            assert_eq!(status.line(), line);
        }
    }

    #[test]
    fn statuses_are_in_order_and_none_stands_twice() {
        let codes: Vec<u16> = Status::ALL.iter().map(|status| status.code()).collect();
        assert!(codes.is_sorted_by(|one, next| one < next), "{codes:?}");
        assert_eq!(codes.len(), 23);
    }
}
