//! Files as resources: their URIs, which files of a folder are meant, what they are to a client.
//!
//! Nothing here opens a file. A URI of a folder is its prefix and the way from the folder to the
//! file, percent-encoded (RFC 3986 section 2.1), so that names of any bytes are found again. The
//! invariant: what [`Folder::path`] gives has no `..`, no empty part and no NUL.

use super::glob::Glob;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Folders below the one that is named. Deeper ones hold what programs keep for themselves.
pub const DEPTH_MAX: usize = 16;

/// A folder and which of its files are meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Folder {
    /// Its absolute path, without a slash at the end.
    pub path: String,
    /// Which files.
    pub glob: Glob,
}

impl Folder {
    /// Its path as the system takes it.
    pub fn root(&self) -> &str {
        match self.path.as_str() {
            "" => "/",
            path => path,
        }
    }

    /// The way from the folder to the file whose URI has `rest` behind the prefix; `None` if that
    /// cannot be a file that is meant.
    pub fn path(&self, rest: &str) -> Option<OsString> {
        let path = way(rest)?;
        self.glob.fits(&path).then(|| OsString::from_vec(path))
    }
}

/// The way from a folder to the file whose URI has `rest` behind that of the folder; `None` if it
/// leads nowhere, or out of the folder.
pub fn way(rest: &str) -> Option<Vec<u8>> {
    let path = decode(rest)?;
    let is_part = |part: &[u8]| !part.is_empty() && part != b"." && part != b"..";
    let mut parts = path.split(|byte| *byte == b'/');
    let is_inside = parts.all(is_part) && !path.contains(&0);
    is_inside.then_some(path)
}

/// The `file` URI of an absolute path.
pub fn file_uri(path: &str) -> String {
    format!("file://{}", encode(path.as_bytes()))
}

/// Bytes of a path as a part of a URI.
pub fn encode(path: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(path.len());
    for &byte in path {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=:@".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let [high, low] = [byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]);
            text.extend(['%', char::from(high), char::from(low)]);
        }
    }
    text
}

/// The bytes of a path that a URI names; `None` if a `%` has no two digits behind it.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut path = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            path.push((digit()? << 4 | digit()?) as u8);
        } else {
            path.push(byte);
        }
    }
    Some(path)
}

/// Extensions and what is in such files: texts that models read, images and sounds that they see
/// and hear.
const MIME_TYPES: [(&str, &str); 18] = [
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("gif", "image/gif"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("md", "text/markdown"),
    ("mp3", "audio/mpeg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("webp", "image/webp"),
    ("xml", "application/xml"),
];

/// What a file of this name is, if its extension says so.
pub fn mime_type(name: &str) -> Option<&'static str> {
    let (stem, extension) = name.rsplit_once('.')?;
    let is_extension = !stem.is_empty() && !stem.ends_with('/');
    let known = |(known, _): &&(&str, _)| is_extension && known.eq_ignore_ascii_case(extension);
    MIME_TYPES.iter().find(known).map(|(_, found)| *found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(glob: &str) -> Folder {
        Folder {
            path: "/srv".to_string(),
            glob: Glob::new(glob).unwrap(),
        }
    }

    #[test]
    fn names_of_any_bytes_are_found_again() {
        let table: [(&[u8], &str); 6] = [
            (b"a/b.md", "a/b.md"),
            (b"a b%20", "a%20b%2520"),
            (b"a\nb\"", "a%0Ab%22"),
            (b"\xff\xfe.txt", "%FF%FE.txt"),
            ("größe?#".as_bytes(), "gr%C3%B6%C3%9Fe%3F%23"),
            (b"..a/b..", "..a/b.."),
        ];
        for (path, uri) in table {
            assert_eq!(encode(path), uri);
            let found = folder("**/*").path(uri);
            match path.starts_with(b".") {
                true => assert_eq!(found, None, "a hidden folder: {uri}"),
                false => assert_eq!(found.map(OsString::into_vec).as_deref(), Some(path)),
            }
        }
    }

    #[test]
    fn no_uri_leads_out_of_its_folder() {
        let refused = [
            "",
            "/",
            "//",
            "/etc/passwd",
            "..",
            "../a",
            "a/..",
            "a/../b",
            "a/./b",
            ".",
            "a//b",
            "a/",
            "%2e%2e/a",
            "%2E%2E",
            "a%2f..%2fb",
            "%2fetc",
            "a%00",
            "%",
            "%4",
            "%zz",
            "a%",
        ];
        for uri in refused {
            for glob in ["**", "**/*", ".*", "**/.*/*", "*/*"] {
                assert_eq!(folder(glob).path(uri), None, "{glob} {uri}");
            }
        }
    }

    #[test]
    fn only_files_that_the_glob_describes_are_named() {
        let notes = folder("**/*.md");
        assert!(notes.path("a/b.md").is_some());
        assert!(notes.path("a/b%2Emd").is_some());
        assert_eq!(notes.path("a/b.txt"), None);
        assert_eq!(notes.path(".git/b.md"), None);
    }

    #[test]
    fn types_go_by_extension() {
        let table = [
            ("/a/b.md", Some("text/markdown")),
            ("b.PNG", Some("image/png")),
            ("a.tar.json", Some("application/json")),
            ("/a.md/b", None),
            ("md", None),
            (".md", None),
            ("/a/.md", None),
            ("a.", None),
        ];
        for (name, expected) in table {
            assert_eq!(mime_type(name), expected, "{name}");
        }
        assert!(MIME_TYPES.is_sorted());
        assert_eq!(file_uri("/etc/my hosts"), "file:///etc/my%20hosts");
    }
}
