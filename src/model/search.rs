//! Which of some texts fit some words best: Okapi BM25 over words in lower case.
//!
//! It knows no languages: words are runs of letters and digits, and a word fits when it begins with the one that is asked for.

use std::collections::BTreeMap;

/// How much more a word counts the more often it stands in a text.
const SATURATION: f64 = 1.2;
/// How much a long text is held back.
const LENGTH: f64 = 0.75;

/// The words of a text, in lower case.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// The texts that hold at least one word of `query`, best first, each with its place and its rank in thousandths.
#[must_use]
pub fn rank(query: &str, texts: &[String]) -> Vec<(usize, u64)> {
    let asked = words(query);
    let held: Vec<Vec<String>> = texts.iter().map(|text| words(text)).collect();
    let average = number(held.iter().map(Vec::len).sum()) / number(held.len().max(1));
    let counts: Vec<BTreeMap<&str, usize>> = held.iter().map(|words| count(&asked, words)).collect();
    let mut ranked: Vec<(usize, u64)> = Vec::new();
    for (place, (words, counted)) in held.iter().zip(&counts).enumerate() {
        let mut score = 0.0;
        for word in &asked {
            let Some(times) = counted.get(word.as_str()).map(|times| number(*times)) else { continue };
            let having = number(counts.iter().filter(|other| other.contains_key(word.as_str())).count());
            let rarity = (1.0 + (number(held.len()) - having + 0.5) / (having + 0.5)).ln();
            let length = 1.0 - LENGTH + LENGTH * number(words.len()) / average.max(1.0);
            score += rarity * times * (SATURATION + 1.0) / (times + SATURATION * length);
        }
        if !counted.is_empty() {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is small and not negative")]
            let rank = (score * 1000.0).round() as u64;
            ranked.push((place, rank));
        }
    }
    ranked.sort_by_key(|(place, score)| (std::cmp::Reverse(*score), *place));
    ranked
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// How often each word that is asked for begins one of `words`.
fn count<'a>(asked: &'a [String], words: &[String]) -> BTreeMap<&'a str, usize> {
    let times = |word: &String| words.iter().filter(|held| held.starts_with(word.as_str())).count();
    asked.iter().map(|word| (word.as_str(), times(word))).filter(|(_, times)| *times > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(query: &str, texts: &[&str]) -> Vec<usize> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        rank(query, &texts).into_iter().map(|(place, _)| place).collect()
    }

    #[test]
    fn a_rare_word_and_a_short_text_count_for_more() {
        let texts = [
            "The API allows 100 calls a minute.",
            "The parser takes the whole input, and the printer takes the tree that the parser made of the input.",
            "The parser is generated.",
            "The limits of the API are checked by the parser.",
        ];
        assert_eq!(found("parser", &texts), [2, 1, 3]);
        assert_eq!(found("API limits", &texts), [3, 0]);
        assert_eq!(found("gener", &texts), [2]);
        assert!(found("nothing", &texts).is_empty() && found("", &texts).is_empty() && found("x", &[]).is_empty());
    }
}
