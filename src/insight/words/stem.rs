//! English words without their endings, after M. F. Porter, "An algorithm for suffix stripping",
//! 1980: its five steps, over ASCII words. Abbreviations that programs use come out as the words
//! they stand for: `iterate` and `iterator` are `iter`, `allocation` is `alloc`.
//!
//! A crate for this brings along the endings of many languages.

/// Endings of step 2 and what stands for them where a syllable comes before.
const STEP_2: [(&str, &str); 21] = [
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("iser", "ise"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("isation", "ise"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
];

/// Endings of step 3.
const STEP_3: [(&str, &str); 7] = [
    ("icate", "ic"),
    ("ative", ""),
    ("alize", "al"),
    ("iciti", "ic"),
    ("ical", "ic"),
    ("ful", ""),
    ("ness", ""),
];

/// Endings of step 4, which go where two syllables come before.
const STEP_4: [&str; 20] = [
    "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous",
    "ive", "ize", "ise", "ion", "al", "er", "ic", "ou",
];

/// Cuts a word in small letters; one with other than ASCII letters stays as it is.
pub fn stem(word: &mut String) {
    if word.len() <= 2 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return;
    }
    plural(word);
    past_and_participle(word);
    if word.len() > 2 && word.ends_with('y') && has_vowel(&word[..word.len() - 1]) {
        replace(word, 1, "i");
    }
    replace_one_of(word, &STEP_2);
    replace_one_of(word, &STEP_3);
    derived(word);
    silent_e(word);
}

/// Step 1a: `caresses`, `ponies`, `cats`.
fn plural(word: &mut String) {
    if word.ends_with("sses") || word.ends_with("ies") {
        replace(word, 2, "");
    } else if word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us") {
        replace(word, 1, "");
    }
}

/// Step 1b: `agreed`, `plastered`, `motoring`.
fn past_and_participle(word: &mut String) {
    if let Some(stem) = word.strip_suffix("eed") {
        if measure(stem) > 0 {
            replace(word, 1, "");
        }
        return;
    }
    let mut endings = ["ed", "ing"].into_iter();
    let cut = endings.find(|ending| word.strip_suffix(ending).is_some_and(has_vowel));
    let Some(ending) = cut else {
        return;
    };
    replace(word, ending.len(), "");
    if ["at", "bl", "iz"].iter().any(|end| word.ends_with(end)) {
        word.push('e');
    } else if is_doubled(word) && !word.ends_with(['l', 's', 'z']) {
        word.pop();
    } else if measure(word) == 1 && is_short(word) {
        word.push('e');
    }
}

/// Steps 2 and 3: the first of the endings that is there is replaced.
fn replace_one_of(word: &mut String, endings: &[(&str, &str)]) {
    let is_there = |(ending, _): &&(&str, &str)| word.ends_with(ending);
    let Some((ending, by)) = endings.iter().find(is_there) else {
        return;
    };
    if measure(&word[..word.len() - ending.len()]) > 0 {
        replace(word, ending.len(), by);
    }
}

/// Step 4: `adjustment`, `allocate`, `parser`.
fn derived(word: &mut String) {
    let Some(ending) = STEP_4.iter().find(|ending| word.ends_with(**ending)) else {
        return;
    };
    let stem = &word[..word.len() - ending.len()];
    let may_go = *ending != "ion" || stem.ends_with(['s', 't']);
    if may_go && measure(stem) > 1 {
        replace(word, ending.len(), "");
    }
}

/// Step 5: `probate`, `controll`. One that step 4 has left short is not cut further.
fn silent_e(word: &mut String) {
    if let Some(stem) = word.strip_suffix('e') {
        let syllables = measure(stem);
        if syllables > 1 || (syllables == 1 && !is_short(stem)) {
            replace(word, 1, "");
        }
    }
    if word.ends_with("ll") && measure(word) > 1 {
        word.pop();
    }
}

/// Takes bytes off the end and puts others there. The word is ASCII.
fn replace(word: &mut String, bytes: usize, by: &str) {
    word.truncate(word.len() - bytes);
    word.push_str(by);
}

/// Whether the letter is a vowel; `y` is one after a consonant.
fn is_vowel(word: &[u8], at: usize) -> bool {
    match word[at] {
        b'a' | b'e' | b'i' | b'o' | b'u' => true,
        b'y' => at > 0 && !is_vowel_before(word[at - 1]),
        _ => false,
    }
}

/// Whether a `y` behind the letter is a consonant.
fn is_vowel_before(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u')
}

fn has_vowel(word: &str) -> bool {
    (0..word.len()).any(|at| is_vowel(word.as_bytes(), at))
}

/// Syllables, more or less: how often a consonant comes after a vowel.
fn measure(word: &str) -> usize {
    let word = word.as_bytes();
    (1..word.len())
        .filter(|&at| is_vowel(word, at - 1) && !is_vowel(word, at))
        .count()
}

/// Two of the same consonant at the end.
fn is_doubled(word: &str) -> bool {
    let word = word.as_bytes();
    let end = word.len();
    end >= 2 && word[end - 1] == word[end - 2] && !is_vowel(word, end - 1)
}

/// Consonant, vowel, consonant at the end, and the last is none of `w`, `x`, `y`: `hop`.
fn is_short(word: &str) -> bool {
    let word = word.as_bytes();
    let end = word.len();
    end >= 3
        && !is_vowel(word, end - 3)
        && is_vowel(word, end - 2)
        && !is_vowel(word, end - 1)
        && !matches!(word[end - 1], b'w' | b'x' | b'y')
}
