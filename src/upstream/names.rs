//! What tools and prompts of several upstreams are called where all are offered together.
//!
//! | a name | becomes |
//! |---|---|
//! | of the configuration | itself, always |
//! | with a configured prefix | prefix and name |
//! | that somebody else has as well | the upstream's name, `_` and the name |
//! | with other letters than `A-Z a-z 0-9 _ . -` | the same with `_` in their place |
//! | longer than [`TOOL_NAME_CHARS_MAX`] | its beginning, `_` and a hash of all of it |
//!
//! The same lists always lead to the same names. What is still the same after that is left out, the
//! later one of the two: in a configuration that is a fault ([`Merged::collisions`]).

use super::spec::Prefix;
use crate::limits::TOOL_NAME_CHARS_MAX;
use crate::tool::registry::hash;
use std::collections::BTreeMap;
use std::fmt;

/// What one upstream offers.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// The upstream's name.
    pub server: &'a str,
    /// What stands in front of its names.
    pub prefix: &'a Prefix,
    /// The names, as they are in the upstream's own scope.
    pub names: Vec<&'a str>,
}

/// The names of all groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// For each group what its names become; empty where one is left out.
    pub names: Vec<Vec<Box<str>>>,
    /// Why some are left out.
    pub collisions: Vec<Collision>,
}

/// Two that would have one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    /// The name.
    pub name: Box<str>,
    /// Who has it: the upstream, or nothing for the configuration, and its own name for it.
    pub first: (Option<Box<str>>, Box<str>),
    /// Who is left out.
    pub second: (Option<Box<str>>, Box<str>),
}

/// Gives all of them names; `own` are those of the configuration.
pub fn merge(own: &[&str], groups: &[Group<'_>]) -> Merged {
    let bare: Vec<Vec<String>> = groups.iter().map(Group::bare).collect();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let all = bare.iter().flatten().map(String::as_str);
    for name in own.iter().copied().chain(all) {
        *counts.entry(name).or_default() += 1;
    }
    let mut owners: BTreeMap<Box<str>, (Option<&str>, &str)> = BTreeMap::new();
    owners.extend(own.iter().map(|name| (Box::from(*name), (None, *name))));
    let mut merged = Merged::default();
    for (group, bare) in groups.iter().zip(&bare) {
        let mut names = Vec::with_capacity(bare.len());
        for (own_name, bare) in group.names.iter().zip(bare) {
            let is_shared = counts[bare.as_str()] > 1 && *group.prefix == Prefix::Collisions;
            let name: Box<str> = match is_shared {
                true => fitting(&format!("{}_{own_name}", group.server)).into(),
                false => bare.as_str().into(),
            };
            match owners.get(&name) {
                Some((server, first)) => {
                    merged.collisions.push(Collision {
                        name,
                        first: (server.map(Box::from), Box::from(*first)),
                        second: (Some(group.server.into()), Box::from(*own_name)),
                    });
                    names.push(Box::default());
                }
                None => {
                    owners.insert(name.clone(), (Some(group.server), own_name));
                    names.push(name);
                }
            }
        }
        merged.names.push(names);
    }
    merged
}

impl Group<'_> {
    /// The names before anybody has looked at those of others.
    fn bare(&self) -> Vec<String> {
        let prefix = match self.prefix {
            Prefix::Collisions => "",
            Prefix::Always(prefix) => prefix,
        };
        let names = self.names.iter();
        let bare = names.map(|name| fitting(&format!("{prefix}{name}")));
        bare.collect()
    }
}

/// The name as every client takes it: few letters, and not too many of them.
fn fitting(name: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    let plain = |letter| if is_plain(letter) { letter } else { '_' };
    let mut fitting: String = name.chars().map(plain).collect();
    if fitting.len() > TOOL_NAME_CHARS_MAX {
        let hash = hash(name.bytes()) as u32;
        fitting.truncate(TOOL_NAME_CHARS_MAX - "_00000000".len());
        fitting.push_str(&format!("_{hash:08x}"));
    }
    fitting
}

impl fmt::Display for Collision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "two would be named {:?}: ", self.name)?;
        for (place, (server, name)) in [&self.first, &self.second].into_iter().enumerate() {
            let and = if place == 0 { "" } else { " and " };
            match server {
                Some(server) => write!(f, "{and}{name:?} of server {server:?}")?,
                None => write!(f, "{and}{name:?} of the configuration")?,
            }
        }
        f.write_str("; give a server another prefix, or rename one of them")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of `own` and of servers, each `name[prefix]: names`, then the collisions.
    fn check(own: &[&str], groups: &[(&str, Option<&str>, &[&str])], expected: &[&str]) {
        let prefixes: Vec<Prefix> = groups
            .iter()
            .map(|(_, prefix, _)| match prefix {
                None => Prefix::Collisions,
                Some(prefix) => Prefix::Always(prefix.to_string()),
            })
            .collect();
        let groups: Vec<Group<'_>> = groups
            .iter()
            .zip(&prefixes)
            .map(|((server, _, names), prefix)| Group {
                server,
                prefix,
                names: names.to_vec(),
            })
            .collect();
        let merged = merge(own, &groups);
        assert_eq!(
            merged,
            merge(own, &groups),
            "the same lists, the same names"
        );
        let lists = merged.names.iter().map(|names| names.join(" "));
        let collisions = merged.collisions.iter().map(|one| one.name.to_string());
        let found: Vec<String> = lists.chain(collisions).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn names_are_prefixed_only_where_they_collide() {
        check(&[], &[("a", None, &["x", "y"])], &["x y"]);
        check(
            &["x"],
            &[("a", None, &["x", "y"]), ("b", None, &["z", "y"])],
            &["a_x a_y", "z b_y"],
        );
        check(&["a_x", "x"], &[("a", None, &["x"])], &["", "a_x"]);
    }

    #[test]
    fn a_configured_prefix_stands_always() {
        check(
            &[],
            &[("a", Some("fs."), &["x"]), ("b", None, &["x", "fs.x"])],
            &["fs.x", "x b_fs.x"],
        );
        check(
            &[],
            &[("a", Some(""), &["x"]), ("b", Some(""), &["x"])],
            &["x", "", "x"],
        );
    }

    #[test]
    fn letters_that_some_client_refuses_are_replaced() {
        check(
            &[],
            &[("a", None, &["x/y", "ü z", "x:y"])],
            &["a_x_y __z ", "a_x_y"],
        );
    }

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let long = "n".repeat(TOOL_NAME_CHARS_MAX);
        let (one, two) = (format!("{long}1"), format!("{long}2"));
        let group = Group {
            server: "a",
            prefix: &Prefix::Collisions,
            names: vec![&long, &one, &two],
        };
        let merged = merge(&[], &[group]);
        let [whole, one, two] = &merged.names[0][..] else {
            panic!("three names");
        };
        assert_eq!(**whole, *long);
        assert_ne!(one, two);
        assert_eq!((one.len(), two.len()), (64, 64));
        assert_eq!(merged.collisions, []);
    }

    #[test]
    fn what_is_left_out_is_told_with_both_names() {
        let prefix = Prefix::Always(String::new());
        let group = |server, names| Group {
            server,
            prefix: &prefix,
            names,
        };
        let merged = merge(&[], &[group("a", vec!["x"]), group("b", vec!["x"])]);
        assert_eq!(
            merged.collisions[0].to_string(),
            "two would be named \"x\": \"x\" of server \"a\" and \"x\" of server \"b\"; give a \
             server another prefix, or rename one of them"
        );
    }
}
