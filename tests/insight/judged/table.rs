//! Questions with their right hits, and at which ranks those come.

use crate::index::{Index, Order, Place};
use slimcp::insight::Kind;
use std::fmt;
use std::path::PathBuf;

/// Hits that are looked at.
pub const HITS_MAX: usize = 50;

/// The folder of the questions.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/insight/judged")
}

/// A question with its right hits.
pub struct Question {
    pub kind: String,
    pub words: String,
    right: Vec<Right>,
}

/// A right hit: a path, and the lines of what is right in it.
struct Right {
    path: String,
    lines: Option<(u32, u32)>,
}

/// Reads a table of questions.
pub fn questions(table: &str) -> Vec<Question> {
    let lines = table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| question(line).unwrap_or_else(|| panic!("three columns: {line}")))
        .collect()
}

fn question(line: &str) -> Option<Question> {
    let mut columns = line.split('\t');
    let (kind, words, right) = (columns.next()?, columns.next()?, columns.next()?);
    let right = right.split(' ').map(right_hit).collect();
    Some(Question {
        kind: kind.to_string(),
        words: words.to_string(),
        right,
    })
}

fn right_hit(text: &str) -> Right {
    let (path, lines) = text.split_once(':').unwrap_or((text, ""));
    let (first, last) = lines.split_once('-').unwrap_or((lines, lines));
    let lines = first.parse().ok().zip(last.parse().ok());
    Right {
        path: path.to_string(),
        lines,
    }
}

impl Question {
    /// The rank of the first right hit, counted from one.
    fn rank(&self, hits: Vec<Place>) -> Option<usize> {
        let is_right = |hit: &Place| self.right.iter().any(|right| right.is(hit));
        hits.iter().position(is_right).map(|at| at + 1)
    }
}

impl Right {
    fn is(&self, hit: &Place) -> bool {
        let touches = |(first, last)| hit.lines.0 <= last && hit.lines.1 >= first;
        self.path == hit.path && self.lines.is_none_or(touches)
    }
}

/// The ranks of right hits in each order.
pub struct Ranks {
    lines: Vec<(String, Vec<Option<usize>>)>,
}

impl Ranks {
    /// Asks every question in every order.
    pub fn of(questions: &[&Question], index: &Index, kind: Kind) -> Ranks {
        let ranks = |question: &Question| {
            let hits = |order| index.ask(&question.words, kind, order);
            Order::ALL
                .iter()
                .map(|order| question.rank(hits(*order)))
                .collect()
        };
        let lines = questions
            .iter()
            .map(|each| (each.words.clone(), ranks(each)));
        Ranks {
            lines: lines.collect(),
        }
    }

    /// The mean reciprocal rank of an order; what is not among the first hits counts nothing.
    pub fn mean(&self, order: Order) -> f32 {
        let place = Order::ALL
            .iter()
            .position(|each| *each == order)
            .expect("is one of all");
        let ranks = self.lines.iter().filter_map(|(_, ranks)| ranks[place]);
        ranks.map(|rank| 1.0 / rank as f32).sum::<f32>() / self.lines.len() as f32
    }
}

impl fmt::Display for Ranks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Order::ALL.iter().map(|order| order.name()).collect();
        writeln!(formatter, "| question | {} |", names.join(" | "))?;
        writeln!(formatter, "|---{}|", "|---".repeat(names.len()))?;
        for (words, ranks) in &self.lines {
            let rank = |rank: &Option<usize>| rank.map_or("-".to_string(), |at| at.to_string());
            let ranks: Vec<String> = ranks.iter().map(rank).collect();
            writeln!(formatter, "| {words} | {} |", ranks.join(" | "))?;
        }
        let means = Order::ALL
            .iter()
            .map(|order| format!("{:.3}", self.mean(*order)));
        writeln!(
            formatter,
            "| mean reciprocal rank | {} |",
            means.collect::<Vec<_>>().join(" | ")
        )
    }
}
