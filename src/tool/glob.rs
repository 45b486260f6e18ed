//! Which files of a folder are meant: `*.md`, `**/*.md`, `log/????.txt`.
//!
//! `*` stands for any bytes of one name, `?` for one byte, `**` for any folders on the way, also
//! for none. A name with a dot in front is meant only where the pattern has that dot as well.

use std::fmt;

/// Bytes of a pattern.
pub const GLOB_BYTES_MAX: usize = 256;

/// Stands for any folders on the way.
const FOLDERS: &str = "**";

/// A pattern of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// Its names, between slashes.
    parts: Vec<String>,
}

impl Glob {
    /// The pattern `text`; `None` if no path could fit.
    pub fn new(text: &str) -> Option<Glob> {
        let is_part = |part: &str| !["", ".", ".."].contains(&part) && !part.contains('\0');
        let fits = text.len() <= GLOB_BYTES_MAX && text.split('/').all(is_part);
        fits.then(|| Glob {
            parts: text.split('/').map(str::to_string).collect(),
        })
    }

    /// Whether the file at `path` is meant.
    pub fn fits(&self, path: &[u8]) -> bool {
        let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        wild(
            &self.parts,
            &names,
            |part| part == FOLDERS,
            |name| !is_hidden(name),
            fits,
        )
    }

    /// Whether files in the folder at `path` may be meant, as far as its depth and dots tell.
    pub fn may_hold(&self, path: &[u8]) -> bool {
        let depth = path.split(|byte| *byte == b'/').count();
        let name = path.rsplit(|byte| *byte == b'/').next();
        let is_deep = self.parts.len() > depth || self.parts.iter().any(|part| part == FOLDERS);
        let has_dots = self.parts.iter().any(|part| part.starts_with('.'));
        is_deep && (has_dots || !name.is_some_and(is_hidden))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join("/"))
    }
}

fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b".")
}

/// Whether one name fits one part of a pattern.
fn fits(part: &String, name: &&[u8]) -> bool {
    let letters = |letter: &u8, byte: &u8| *letter == b'?' || letter == byte;
    is_hidden(name) <= is_hidden(part.as_bytes())
        && wild(
            part.as_bytes(),
            name,
            |letter| *letter == b'*',
            |_| true,
            letters,
        )
}

/// Whether `pattern` fits `text`: a star takes any number of those that `may_take` allows. One look
/// back is enough, since a later star could take all that an earlier one might have.
fn wild<P, T>(
    pattern: &[P],
    text: &[T],
    is_star: impl Fn(&P) -> bool,
    may_take: impl Fn(&T) -> bool,
    fits: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut at, mut read) = (0, 0);
    // The last star, and how far it and what is before it have taken the text.
    let mut star = None;
    while read < text.len() {
        match pattern.get(at) {
            Some(part) if is_star(part) => {
                star = Some((at, read));
                at += 1;
            }
            Some(part) if fits(part, &text[read]) => {
                at += 1;
                read += 1;
            }
            Some(_) | None => match star {
                Some((place, taken)) if may_take(&text[taken]) => {
                    star = Some((place, taken + 1));
                    (at, read) = (place + 1, taken + 1);
                }
                Some(_) | None => return false,
            },
        }
    }
    pattern[at..].iter().all(is_star)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_fit_as_people_expect() {
        let table: [(&str, &[&str], &[&str]); 11] = [
            ("*", &["a", "a.md", "ä"], &["a/b", ".a"]),
            (
                "*.md",
                &["a.md", "a.b.md", "*.md"],
                &["a.mdx", "md", "a/b.md", ".md", ".a.md"],
            ),
            (
                "**/*.md",
                &["a.md", "a/b.md", "a/b/c.md"],
                &["a.txt", ".a.md", ".a/b.md", "a/.b/c.md"],
            ),
            ("**", &["a", "a/b", "a/b/c"], &[".a", "a/.b", ".a/b"]),
            ("a/**", &["a/b", "a/b/c"], &["b/a", "a/.b"]),
            (
                "a/**/b",
                &["a/b", "a/x/b", "a/b/b", "a/x/y/b"],
                &["a/x", "b", "a/b/c"],
            ),
            (
                "**/x/**/y",
                &["x/y", "a/x/y", "x/a/x/y", "x/x/a/y"],
                &["y", "x", "x/.a/y"],
            ),
            ("??.txt", &["ab.txt"], &["a.txt", "abc.txt"]),
            (".*", &[".a", ".git"], &["a", "a/.a"]),
            (
                "**/.*/*",
                &[".git/a", "a/.git/b"],
                &["git/a", ".git/.a", ".a/.b/.c"],
            ),
            (
                "a*b*c",
                &["abc", "aXbXc", "abbcc", "abcbc"],
                &["ab", "abcd", "acb"],
            ),
        ];
        for (text, fitting, others) in table {
            let glob = Glob::new(text).unwrap();
            assert_eq!(glob.to_string(), text);
            for path in fitting {
                assert!(glob.fits(path.as_bytes()), "{text} {path}");
            }
            for path in others {
                assert!(!glob.fits(path.as_bytes()), "{text} {path}");
            }
        }
    }

    #[test]
    fn folders_are_entered_where_something_may_fit() {
        let table: [(&str, &[&str], &[&str]); 5] = [
            ("*", &[], &["a", ".a"]),
            ("*/*", &["a"], &["a/b", ".a"]),
            ("**/*.md", &["a", "a/b/c"], &[".a", "a/.b"]),
            (".git/*", &[".git", "a"], &["a/b"]),
            ("**/.*/x", &[".a", "a/b/.c"], &[]),
        ];
        for (text, entered, others) in table {
            let glob = Glob::new(text).unwrap();
            for path in entered {
                assert!(glob.may_hold(path.as_bytes()), "{text} {path}");
            }
            for path in others {
                assert!(!glob.may_hold(path.as_bytes()), "{text} {path}");
            }
        }
    }

    #[test]
    fn patterns_that_no_path_fits_are_none() {
        let long = "a".repeat(GLOB_BYTES_MAX + 1);
        for text in ["", "/a", "a/", "a//b", "..", "../a", "./a", "a\0", &long] {
            assert_eq!(Glob::new(text), None, "{text}");
        }
        assert!(Glob::new(&long[1..]).is_some());
    }

    #[test]
    fn many_stars_take_no_long_time() {
        let glob = Glob::new(&"*a".repeat(GLOB_BYTES_MAX / 2)).unwrap();
        assert!(!glob.fits(format!("{}b", "a".repeat(254)).as_bytes()));
        let glob = Glob::new(&["**/a"; 48].join("/")).unwrap();
        assert!(!glob.fits(format!("{}b", "a/".repeat(1000)).as_bytes()));
    }
}
