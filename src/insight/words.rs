//! A text becomes words: those of the index, and those of a question.
//!
//! A word is in small letters and without its English ending, so that `Parsers` and `parsing` are
//! one. A name of several words is known by each of them and as a whole, however it is written:
//! `readToEnd`, `read_to_end` and `READ-TO-END` are `read`, `end` and `readtoend`. Languages that
//! put no blanks between words are known by pairs of signs.

mod stem;

/// Bytes of the longest word: what is longer is a hash, a key or an image.
const WORD_BYTES_MAX: usize = 40;

/// Bytes of the longest token that begins with a digit: `0x7fff`, `64bit`, `20240501`.
const NUMBER_BYTES_MAX: usize = 12;

/// Words of a question that tell nothing of what is looked for.
const STOP_WORDS: &str = "a about all also am an and any are as at be been but by can cannot could \
    did do does done each else every for from had has have how i if in into is it its itself just \
    may me might must my not of on one only or our shall should so some such than that the their \
    them then there these they this those to too us was we were what when where whether which \
    while who whom whose why will with would you your";

/// Takes texts apart. One is used for many texts, so that a word costs no memory of its own.
#[derive(Debug, Default)]
pub struct Words {
    /// The word that is told, in small letters and cut to its stem.
    word: String,
    /// The parts of a name together.
    whole: String,
}

impl Words {
    /// Tells every word of a text in its order, a word as often as it is there.
    pub fn of(&mut self, text: &str, tell: &mut dyn FnMut(&str)) {
        let mut rest = text;
        while let Some(token) = next_token(&mut rest) {
            self.token(token, tell);
        }
    }

    /// Tells the words of a token: a run of letters, digits and what joins them in names.
    fn token(&mut self, token: &str, tell: &mut dyn FnMut(&str)) {
        if token.chars().any(is_of_pairs) {
            return self.pairs(token, tell);
        }
        if token.starts_with(|first: char| first.is_ascii_digit()) {
            return self.number(token, tell);
        }
        self.whole.clear();
        let mut parts = 0;
        let mut rest = token;
        while let Some(part) = next_part(&mut rest) {
            parts += 1;
            self.part(part, tell);
        }
        if parts > 1 && self.whole.len() <= WORD_BYTES_MAX {
            tell(&self.whole);
        }
    }

    /// Tells a part of a name, and joins it to the whole of the name. One letter is no word.
    fn part(&mut self, part: &str, tell: &mut dyn FnMut(&str)) {
        if self.whole.len() > WORD_BYTES_MAX {
            return;
        }
        lower(part, &mut self.word);
        self.whole.push_str(&self.word);
        if (2..=WORD_BYTES_MAX).contains(&self.word.len()) {
            stem::stem(&mut self.word);
            tell(&self.word);
        }
    }

    /// Tells what begins with a digit, as a whole: the parts of `0x7fff` say nothing.
    fn number(&mut self, token: &str, tell: &mut dyn FnMut(&str)) {
        if token.len() > NUMBER_BYTES_MAX {
            return;
        }
        lower(token, &mut self.word);
        self.word.retain(|sign| sign != '_' && sign != '-');
        tell(&self.word);
    }

    /// Tells each two signs that follow each other; one that stands alone, by itself. What else is
    /// in the token is told as if it stood apart.
    fn pairs(&mut self, token: &str, tell: &mut dyn FnMut(&str)) {
        let mut rest = token;
        while let Some(first) = rest.chars().next() {
            let is_pairs = is_of_pairs(first);
            let end = rest
                .find(|sign| is_of_pairs(sign) != is_pairs)
                .unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            rest = after;
            if is_pairs {
                run_of_pairs(run, tell);
            } else {
                self.token(run, tell);
            }
        }
    }
}

/// Each two signs of a run.
fn run_of_pairs(run: &str, tell: &mut dyn FnMut(&str)) {
    let mut before: Option<usize> = None;
    for (at, sign) in run.char_indices() {
        let end = at + sign.len_utf8();
        match before {
            Some(start) => tell(&run[start..end]),
            None if end == run.len() => tell(run),
            None => {}
        }
        before = Some(at);
    }
}

/// Signs of scripts that put no blanks between words: Chinese, Japanese, Korean, Thai.
fn is_of_pairs(sign: char) -> bool {
    matches!(sign, '\u{0e00}'..='\u{0eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}' | '\u{20000}'..='\u{3ffff}')
}

/// The next run of letters, digits and underlines; a hyphen between letters is of the run.
fn next_token<'t>(rest: &mut &'t str) -> Option<&'t str> {
    let start = rest.find(|sign: char| sign.is_alphanumeric())?;
    let text = &rest[start..];
    let is_of_it = |sign: char| sign.is_alphanumeric() || sign == '_';
    let mut end = 0;
    loop {
        let more = text[end..].find(|sign: char| !is_of_it(sign));
        end += more.unwrap_or(text.len() - end);
        // Only one hyphen, and only between letters: not the line below a heading.
        let hyphen = text[end..].strip_prefix('-');
        match hyphen.filter(|after| after.starts_with(char::is_alphabetic)) {
            Some(_) if end < WORD_BYTES_MAX => end += 1,
            Some(_) | None => break,
        }
    }
    *rest = &text[end..];
    Some(&text[..end])
}

/// The next part of a name: up to an underline, a hyphen, a capital after a small letter, the last
/// of several capitals before a small letter, or between a letter and a digit.
fn next_part<'t>(rest: &mut &'t str) -> Option<&'t str> {
    let text = rest.trim_start_matches(['_', '-']);
    if text.is_empty() {
        return None;
    }
    let end = part_end(text);
    *rest = &text[end..];
    Some(&text[..end])
}

/// Where the part that a text begins with ends.
fn part_end(text: &str) -> usize {
    let mut signs = text.char_indices().peekable();
    let mut last = Sign::Other;
    while let Some((at, sign)) = signs.next() {
        let now = Sign::of(sign);
        let next = signs.peek().map(|(_, next)| Sign::of(*next));
        let is_end = match (last, now) {
            (_, Sign::Joint) => true,
            (Sign::Small, Sign::Capital) => true,
            (Sign::Capital, Sign::Capital) => next == Some(Sign::Small),
            // `u8` is one word, `utf8` and `sha256` are two.
            (Sign::Small | Sign::Capital, Sign::Digit) => at > 1,
            (Sign::Digit, Sign::Small | Sign::Capital) => true,
            _ => false,
        };
        if is_end && at > 0 {
            return at;
        }
        last = now;
    }
    text.len()
}

/// What a sign is for the parts of a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Small,
    Capital,
    Digit,
    /// Between parts.
    Joint,
    /// Of a script without capitals.
    Other,
}

impl Sign {
    fn of(sign: char) -> Sign {
        match sign {
            'a'..='z' => Sign::Small,
            'A'..='Z' => Sign::Capital,
            '0'..='9' => Sign::Digit,
            '_' | '-' => Sign::Joint,
            _ if sign.is_uppercase() => Sign::Capital,
            _ if sign.is_lowercase() => Sign::Small,
            _ => Sign::Other,
        }
    }
}

/// Writes a text in small letters.
fn lower(text: &str, into: &mut String) {
    into.clear();
    if text.is_ascii() {
        into.push_str(text);
        into.make_ascii_lowercase();
    } else {
        into.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// A word of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The word as the index has it.
    pub word: String,
    /// The word as it was asked, in small letters.
    pub written: String,
}

/// Words of a question that are looked for; what comes after them is not.
pub const ASKED_MAX: usize = 48;

/// The words of a question, each once, without those that tell nothing; with them if there are no
/// others.
pub fn asked(question: &str) -> Vec<Asked> {
    let telling = asked_of(question, &|token| !is_stop_word(token));
    if telling.is_empty() {
        asked_of(question, &|_| true)
    } else {
        telling
    }
}

/// The words of those tokens of a question that are wanted.
fn asked_of(question: &str, is_wanted: &dyn Fn(&str) -> bool) -> Vec<Asked> {
    let mut words = Words::default();
    let mut asked: Vec<Asked> = Vec::new();
    let mut rest = question;
    while let Some(token) = next_token(&mut rest) {
        let mut written = String::new();
        lower(token, &mut written);
        if is_wanted(&written) {
            words.token(token, &mut |word| add(&mut asked, word, &written));
        }
    }
    asked
}

/// Adds a word unless it is there or there are too many.
fn add(asked: &mut Vec<Asked>, word: &str, written: &str) {
    if asked.len() < ASKED_MAX && asked.iter().all(|known| known.word != word) {
        asked.push(Asked {
            word: word.to_string(),
            written: written.to_string(),
        });
    }
}

/// Whether a word in small letters tells nothing of what is looked for.
pub fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.split_ascii_whitespace().any(|stop| stop == word)
}

/// Cuts a word that is in small letters to its stem, as [`Words`] does.
pub fn stemmed(word: &str) -> String {
    let mut stem = word.to_string();
    stem::stem(&mut stem);
    stem
}

/// How much two words look alike, from 0 to 1: the share of the triples of signs that they have in
/// common, ends counted as signs (Dice); less where they begin otherwise, as few misspell that. For
/// words that the index has not: `seperator` finds `separator`, `tokeniser` finds `tokenizer`.
pub fn likeness(one: &str, other: &str) -> f32 {
    let ones = triples(one);
    let others = triples(other);
    let common = ones.iter().filter(|triple| others.contains(triple)).count();
    let all = ones.len() + others.len();
    if all == 0 {
        return 0.0;
    }
    let begins_alike = one.chars().next() == other.chars().next();
    2.0 * common as f32 / all as f32 * if begins_alike { 1.0 } else { 0.8 }
}

/// Each three signs of a word that follow each other, with one before and one behind it.
fn triples(word: &str) -> Vec<[char; 3]> {
    let signs: Vec<char> = [' '].into_iter().chain(word.chars()).chain([' ']).collect();
    let triples = signs.windows(3).take(WORD_BYTES_MAX);
    triples
        .map(|triple| [triple[0], triple[1], triple[2]])
        .collect()
}

/// Tells where the words of a question stand in a text: the byte that each begins at, and which one
/// it is of those that are asked.
pub fn places(text: &str, asked: &[Asked], tell: &mut dyn FnMut(usize, usize)) {
    let mut words = Words::default();
    let mut rest = text;
    while let Some(token) = next_token(&mut rest) {
        let at = text.len() - rest.len() - token.len();
        words.token(token, &mut |word| {
            if let Some(which) = asked.iter().position(|asked| asked.word == word) {
                tell(at, which);
            }
        });
    }
}

#[cfg(test)]
mod tests;
