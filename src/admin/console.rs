//! The web console: one page with its style and its script, as `build.rs` has packed them.
//!
//! The page is open to everybody, since it holds nothing: whatever it shows it asks for, with the
//! token of whoever looks at it. It is kept compressed only. Every browser takes gzip, and nothing
//! else needs the page.

/// A file of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    /// The whole file, compressed with gzip.
    pub bytes: &'static [u8],
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// Its `ETag`, quotes included; another one in every version.
    pub etag: &'static str,
}

/// What every answer with an asset says beside its type and its tag.
///
/// The policy lets the page run its own script and style and nothing else, be it ever tricked into
/// showing markup. It may connect to any server, since its server field may name another one than
/// it came from. Pictures and sounds are those that tools return, as `data:`. It cannot be framed,
/// so that nobody clicks into it without knowing.
pub const FIELDS: [(&str, &str); 5] = [
    ("Content-Encoding", "gzip"),
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; media-src data:; \
         connect-src 'self' http: https:; frame-ancestors 'none'; base-uri 'none'; \
         form-action 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    // Asks again each time, and is mostly answered with 304.
    ("Cache-Control", "no-cache"),
];

/// Compressed bytes of all three files together. They are a part of every binary.
#[cfg(test)]
const BYTES_MAX: usize = 24 * 1024;

const INDEX: Asset = Asset {
    bytes: include_bytes!(concat!(env!("OUT_DIR"), "/index.html.gz")),
    content_type: "text/html; charset=utf-8",
    etag: env!("CONSOLE_INDEX_TAG"),
};

const STYLE: Asset = Asset {
    bytes: include_bytes!(concat!(env!("OUT_DIR"), "/console.css.gz")),
    content_type: "text/css; charset=utf-8",
    etag: env!("CONSOLE_STYLE_TAG"),
};

const SCRIPT: Asset = Asset {
    bytes: include_bytes!(concat!(env!("OUT_DIR"), "/console.js.gz")),
    content_type: "text/javascript; charset=utf-8",
    etag: env!("CONSOLE_SCRIPT_TAG"),
};

/// The file at `path`. The page also stands where older front-ends had theirs.
pub fn asset(path: &str) -> Option<Asset> {
    match path {
        "/" | "/sse-demo.html" | "/demo-sse.html" | "/mcp_sse_example.html" => Some(INDEX),
        "/console.css" => Some(STYLE),
        "/console.js" => Some(SCRIPT),
        _ => None,
    }
}

impl Asset {
    /// Whether a client that sends this `If-None-Match` has the file already: 304, then. Tags are
    /// compared weakly (RFC 9110 section 13.1.2), as a proxy may have weakened them.
    pub fn is_known(&self, if_none_match: &str) -> bool {
        let mut tags = if_none_match.split(',').map(str::trim);
        tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_stands_where_older_front_ends_had_theirs() {
        for path in [
            "/",
            "/sse-demo.html",
            "/demo-sse.html",
            "/mcp_sse_example.html",
        ] {
            assert_eq!(asset(path), Some(INDEX), "{path}");
        }
        for path in [
            "",
            "/index.html",
            "/console.html",
            "/page.js",
            "//",
            "/console.js/",
        ] {
            assert_eq!(asset(path), None, "{path}");
        }
    }

    #[test]
    fn every_file_is_gzip_with_a_type_and_a_tag_of_its_own() {
        let assets = ["/", "/console.css", "/console.js"].map(|path| asset(path).expect(path));
        for (place, asset) in assets.iter().enumerate() {
            assert_eq!(asset.bytes[..3], [0x1f, 0x8b, 8]);
            assert!(asset.etag.starts_with('"') && asset.etag.ends_with('"'));
            assert_eq!(asset.etag.len(), 18);
            for other in &assets[..place] {
                assert_ne!(asset.etag, other.etag);
                assert_ne!(asset.content_type, other.content_type);
            }
        }
    }

    #[test]
    fn all_files_together_are_small() {
        let bytes: usize = [INDEX, STYLE, SCRIPT]
            .iter()
            .map(|asset| asset.bytes.len())
            .sum();
        assert!(bytes <= BYTES_MAX, "{bytes} bytes");
    }

    #[test]
    fn a_client_with_the_same_tag_has_the_file() {
        let tag = INDEX.etag;
        for known in [
            tag.to_string(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".into(),
        ] {
            assert!(INDEX.is_known(&known), "{known}");
        }
        for other in ["", "\"x\"", tag.trim_matches('"'), STYLE.etag] {
            assert!(!INDEX.is_known(other), "{other}");
        }
    }

    #[test]
    fn the_policy_lets_no_inline_script_in() {
        let policy = FIELDS
            .iter()
            .find(|(name, _)| *name == "Content-Security-Policy");
        let (_, policy) = policy.expect("there is one");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
        assert!(!policy.contains("unsafe"));
    }
}
