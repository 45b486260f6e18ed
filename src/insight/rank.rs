//! How well passages fit a question.
//!
//! A question is a list of words, each of which may be there in other forms: words that mean the
//! same, words that are written alike. A passage is as good as the words of the question that it
//! has: rare ones count more (BM25), those in its name more than those in its body (fields weighted
//! before they saturate, BM25F), and a passage that has all of them more than one that has some of
//! them often.

use super::synonyms::synonyms;
use super::words;

/// Fields of a passage: its name, the sentence that its comment begins with, the rest of the
/// comment, its body, its path.
pub const FIELDS: usize = 5;

/// How often a word is in each field, or how many words a field has.
pub type Counts = [u32; FIELDS];

/// Words that stand for words of a question, all of them together.
pub const TERMS_MAX: usize = 96;

/// Words that are written alike, tried for a word that is nowhere.
const ALIKE_MAX: usize = 3;

/// How alike two words have to be.
const ALIKE_MIN: f32 = 0.5;

/// How much a word counts that is written like one which is nowhere.
const ALIKE_WEIGHT: f32 = 0.8;

/// What the index knows of its words.
pub trait Vocabulary {
    /// Passages that have the word.
    fn frequency(&self, word: &str) -> u64;

    /// Words that share runs of signs with a word.
    fn alike(&self, word: &str) -> Vec<String>;
}

/// A word that is looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// As the index has it.
    pub word: String,
    /// Which word of the question it stands for, counted from zero.
    pub group: usize,
    /// How much it counts: 1 for a word of the question, less for one that stands for it.
    pub weight: f32,
    /// Passages that have it.
    pub frequency: u64,
}

/// How the fields count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Formula {
    /// Weight of each field.
    pub fields: [f32; FIELDS],
    /// How much the length of each field counts, from 0 to 1.
    pub lengths: [f32; FIELDS],
    /// How soon a word that is there often counts no more.
    pub saturation: f32,
    /// How much it counts that a passage has all words: the power of the share that it has.
    pub coverage: f32,
    /// How much further words count that stand for a word which another has stood for already.
    pub further: f32,
    /// How much words of the same meaning count.
    pub synonyms: f32,
}

/// For definitions in programs.
pub const CODE: Formula = Formula {
    fields: [3.0, 5.0, 1.5, 0.4, 1.0],
    lengths: [0.8, 0.5, 0.6, 0.6, 0.8],
    saturation: 2.0,
    coverage: 0.75,
    further: 0.5,
    synonyms: 0.75,
};

/// For sections of documents.
pub const TEXT: Formula = Formula {
    fields: [5.0, 1.0, 1.0, 1.0, 1.0],
    lengths: [0.8, 0.7, 0.7, 0.7, 0.3],
    saturation: 1.2,
    coverage: 0.5,
    further: 0.3,
    synonyms: 0.3,
};

/// For decisions, each as a whole: its words are told over all of it, so they saturate later.
pub const DECISION: Formula = Formula {
    saturation: 4.0,
    coverage: 0.0,
    synonyms: 0.2,
    ..TEXT
};

/// How much there is of a kind of passages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Collection {
    /// Passages.
    pub passages: u64,
    /// Words that a field has on average.
    pub means: [f32; FIELDS],
}

/// The words that stand for a question, those of the question first.
pub fn terms(question: &str, formula: &Formula, vocabulary: &dyn Vocabulary) -> Vec<Term> {
    let mut terms: Vec<Term> = Vec::new();
    let asked = words::asked(question);
    for (group, asked) in asked.iter().enumerate() {
        add(&mut terms, vocabulary, &asked.word, group, 1.0);
    }
    for (group, asked) in asked.iter().enumerate() {
        let is_known = terms.iter().any(|term| term.group == group);
        for word in synonyms(&asked.written) {
            add(&mut terms, vocabulary, &word, group, formula.synonyms);
        }
        if !is_known {
            for (word, likeness) in alike(&asked.word, vocabulary) {
                let weight = likeness * ALIKE_WEIGHT;
                add(&mut terms, vocabulary, &word, group, weight);
            }
        }
    }
    terms
}

/// Adds a word if the index has it, or counts it as much as the best of what it stands for.
fn add(terms: &mut Vec<Term>, vocabulary: &dyn Vocabulary, word: &str, group: usize, weight: f32) {
    // A word of the question stands for itself alone, and others for one of its words only.
    if terms.len() >= TERMS_MAX || terms.iter().any(|term| term.word == word) {
        return;
    }
    let frequency = vocabulary.frequency(word);
    if frequency > 0 {
        terms.push(Term {
            word: word.to_string(),
            group,
            weight,
            frequency,
        });
    }
}

/// Words that are written like a word, the most like first.
fn alike(word: &str, vocabulary: &dyn Vocabulary) -> Vec<(String, f32)> {
    let others = vocabulary.alike(word).into_iter();
    let others = others.map(|other| (words::likeness(word, &other), other));
    let mut others: Vec<(f32, String)> = others.filter(|(like, _)| *like >= ALIKE_MIN).collect();
    others.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    others.truncate(ALIKE_MAX);
    others
        .into_iter()
        .map(|(like, word)| (word, like))
        .collect()
}

/// A question, ready to judge passages of one kind.
#[derive(Clone, Debug)]
pub struct Judge {
    formula: Formula,
    means: [f32; FIELDS],
    /// Of each term: which group it stands for, its weight, its rarity.
    terms: Vec<(usize, f32, f32)>,
    /// Of each group: how much it can count at most, about.
    groups: Vec<f32>,
}

impl Judge {
    /// Makes ready. The places of the terms are those of the counts that are judged later.
    pub fn new(formula: Formula, collection: Collection, terms: &[Term]) -> Judge {
        let rarity = |term: &Term| rarity(collection.passages, term.frequency);
        let count = terms.iter().map(|term| term.group + 1).max().unwrap_or(0);
        let mut groups = vec![0.0_f32; count];
        for term in terms {
            let most = term.weight * rarity(term);
            groups[term.group] = groups[term.group].max(most);
        }
        let terms = terms
            .iter()
            .map(|term| (term.group, term.weight, rarity(term)));
        let means = collection.means.map(|mean| mean.max(1.0));
        Judge {
            formula,
            means,
            terms: terms.collect(),
            groups,
        }
    }

    /// How well a passage fits, from the number of words of its fields and from how often each
    /// term is in each of them.
    pub fn score(&self, lengths: &Counts, counts: &[Counts]) -> f32 {
        let shares = self.shares(lengths);
        let mut best = vec![0.0_f32; self.groups.len()];
        let mut all = vec![0.0_f32; self.groups.len()];
        let mut nearest = vec![0.0_f32; self.groups.len()];
        for ((group, weight, rarity), counts) in self.terms.iter().zip(counts) {
            let often = self.often(&shares, counts);
            let saturated = often / (often + self.formula.saturation);
            let gain = weight * rarity * saturated * (self.formula.saturation + 1.0);
            best[*group] = best[*group].max(gain);
            all[*group] += gain;
            if often > 0.0 {
                nearest[*group] = nearest[*group].max(*weight);
            }
        }
        let further = self.formula.further;
        let gains = best
            .iter()
            .zip(&all)
            .map(|(best, all)| best + further * (all - best));
        gains.sum::<f32>() * self.covered(&nearest).powf(self.formula.coverage)
    }

    /// What one word of each field counts.
    fn shares(&self, lengths: &Counts) -> [f32; FIELDS] {
        let share = |field: usize| {
            // A field without words has none to count, and by its length it would count endlessly.
            if lengths[field] == 0 {
                return 0.0;
            }
            let length = lengths[field] as f32 / self.means[field];
            let counts = self.formula.lengths[field];
            self.formula.fields[field] / (1.0 - counts + counts * length)
        };
        std::array::from_fn(share)
    }

    /// How often a term is there, by the weights of the fields.
    fn often(&self, shares: &[f32; FIELDS], counts: &Counts) -> f32 {
        shares
            .iter()
            .zip(counts)
            .map(|(share, count)| share * *count as f32)
            .sum()
    }

    /// The share of the question that is there, by what its words count: whether they are there
    /// often or not, and a little less where only a word is that stands for one.
    fn covered(&self, nearest: &[f32]) -> f32 {
        let all: f32 = self.groups.iter().sum();
        let there = nearest.iter().zip(&self.groups);
        let there: f32 = there.map(|(nearest, most)| nearest.sqrt() * most).sum();
        if all > 0.0 { there / all } else { 0.0 }
    }
}

/// How much a word counts that so many passages have (the probabilistic one of BM25, never below
/// zero).
fn rarity(passages: u64, frequency: u64) -> f32 {
    let passages = passages.max(frequency) as f32;
    let frequency = frequency as f32;
    (1.0 + (passages - frequency + 0.5) / (frequency + 0.5)).ln()
}

/// How much it counts that the name of a definition is in many passages.
const USED_WEIGHT: f32 = 0.3;

/// What a passage of tests counts, to one of a program.
const TEST_WEIGHT: f32 = 0.5;

/// What a definition counts whose name says that it is nobody else's, to one that is.
const PRIVATE_WEIGHT: f32 = 0.7;

/// Folders and modules of tests and examples.
const TESTS: [&str; 7] = [
    "test", "tests", "testing", "bench", "benches", "examples", "fuzz",
];

/// What a definition is worth whatever is asked, to be multiplied with its score: one whose name
/// is used everywhere is more often what is looked for than one that nobody uses, one of a program
/// more often than its tests, and one with an underline in front of its name less often.
pub fn standing(path: &str, title: &str, passages: u64, frequency_of_name: u64) -> f32 {
    let used = (1.0 + frequency_of_name as f32).ln() / (2.0 + passages as f32).ln();
    let mut names = path.split(['/', '.']).chain(title.split([':', '.']));
    let is_test = names.any(|name| TESTS.contains(&name));
    let is_private = name_of(title).is_some_and(|name| name.starts_with('_'));
    let mut worth = 1.0 + USED_WEIGHT * used;
    if is_test {
        worth *= TEST_WEIGHT;
    }
    if is_private {
        worth *= PRIVATE_WEIGHT;
    }
    worth
}

/// The name of a definition itself: `read_to_end` of `Read::read_to_end`.
fn name_of(title: &str) -> Option<&str> {
    let is_between = |sign: char| !sign.is_alphanumeric() && sign != '_';
    title.rsplit(is_between).find(|part| !part.is_empty())
}

/// The word that the index has for the name of a definition, as a whole.
pub fn word_of_name(title: &str) -> Option<String> {
    let name = name_of(title)?;
    let mut word = None;
    words::Words::default().of(name, &mut |each| word = Some(each.to_string()));
    word
}

#[cfg(test)]
mod tests;
