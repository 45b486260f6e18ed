//! Streamable HTTP of 2025-03-26 to 2025-11-25: what its headers mean.

use super::refusal::Refusal;
use super::revision::{MODERN, Revision};

/// An event id is `STREAM-SEQUENCE`: unique in the session, and it names the stream to resume
/// (MCP 2025-11-25, basic/transports, resumability).
pub fn parse_event_id(id: &str) -> Option<(u32, u64)> {
    let (stream, sequence) = id.split_once('-')?;
    Some((
        u32::try_from(parse_digits(stream)?).ok()?,
        parse_digits(sequence)?,
    ))
}

/// Reads plain decimal digits; no sign, no spaces, no overflow.
pub fn parse_digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// Checks `MCP-Protocol-Version` on a request within a session: absent is fine (2025-03-26 has no
/// such header), any handshake revision is fine, anything else is refused.
pub fn check_version(header: Option<&str>) -> Result<(), Refusal> {
    match header {
        Some(MODERN) => Err(Refusal::MetaMissing),
        Some(date) if Revision::parse(date).is_none() => Err(Refusal::VersionUnknown),
        Some(_) | None => Ok(()),
    }
}

/// Whether a POST's `Accept` takes both a JSON body and an event stream, as the revision demands of
/// clients. A missing header takes everything (RFC 9110 section 12.5.1).
pub fn accepts_answer(accept: Option<&str>) -> bool {
    accept.is_none_or(|accept| {
        takes(accept, "application/json") && takes(accept, "text/event-stream")
    })
}

/// Whether a GET's `Accept` takes an event stream.
pub fn accepts_stream(accept: Option<&str>) -> bool {
    accept.is_none_or(|accept| takes(accept, "text/event-stream"))
}

/// Whether an `Accept` value names event streams themselves, and not only everything.
pub fn names_stream(accept: &str) -> bool {
    accept.split(',').any(|range| {
        let range = range.split(';').next().unwrap_or_default().trim();
        range.eq_ignore_ascii_case("text/event-stream")
    })
}

/// Whether an `Accept` value has `media`, its type with `*`, or `*/*`. Weights are not looked at:
/// no client means `q=0` here.
fn takes(accept: &str, media: &str) -> bool {
    accept.split(',').any(|range| {
        let range = range.split(';').next().unwrap_or_default().trim();
        let wild = || {
            range.strip_suffix("/*").is_some_and(|family| {
                family == "*"
                    || media
                        .split_once('/')
                        .is_some_and(|(first, _)| first.eq_ignore_ascii_case(family))
            })
        };
        range.eq_ignore_ascii_case(media) || wild()
    })
}

/// Whether a body with this `Content-Type` is JSON.
pub fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_takes_names_and_wildcards() {
        let both = "application/json, text/event-stream";
        for good in [
            both,
            "*/*",
            "text/event-stream;q=0.5,application/*",
            "TEXT/*, APPLICATION/JSON",
        ] {
            assert!(accepts_answer(Some(good)), "{good}");
        }
        for bad in [
            "application/json",
            "text/event-stream",
            "text/html",
            "",
            "*",
        ] {
            assert!(!accepts_answer(Some(bad)), "{bad}");
        }
        assert!(accepts_answer(None) && accepts_stream(None));
        assert!(!accepts_stream(Some("application/json")));
        assert!(names_stream("text/html, Text/Event-Stream;q=0.9"));
        assert!(!names_stream("*/*, text/*"));
    }

    #[test]
    fn the_version_header_may_be_absent_or_any_handshake_revision() {
        assert_eq!(check_version(None), Ok(()));
        assert_eq!(check_version(Some("2025-03-26")), Ok(()));
        assert_eq!(
            check_version(Some("1999-01-01")),
            Err(Refusal::VersionUnknown)
        );
        assert_eq!(check_version(Some("2026-07-28")), Err(Refusal::MetaMissing));
    }

    #[test]
    fn event_ids_are_two_plain_numbers() {
        assert_eq!(parse_event_id("0-17"), Some((0, 17)));
        for bad in ["", "5", "-5", "5-", "+1-2", "1-2-3", "4294967296-1"] {
            assert_eq!(parse_event_id(bad), None, "{bad}");
        }
    }

    #[test]
    fn json_is_known_by_its_essence() {
        assert!(is_json("application/json; charset=utf-8") && is_json("Application/JSON"));
        assert!(!is_json("text/plain") && !is_json("application/jsonp"));
    }
}
