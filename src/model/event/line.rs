//! The line of an event, written and read.
//!
//! What belongs to a fact stands among the parts of the line around it, after `kind`. Reading takes the line in one pass:
//! every event of a log passes here before anything is known, so nothing is put aside and looked at again.

use std::borrow::Cow;

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error as _, IgnoredAny, IntoDeserializer, MapAccess, Unexpected, VariantAccess, Visitor,
        value::{CowStrDeserializer, EnumAccessDeserializer},
    },
};

use crate::model::{
    actor::Actor,
    event::{Event, Fact, MARK, MAX_EVENT},
    id::Digest,
    refusal::Refusal,
    time::Timestamp,
};

/// What stands on both sides of the number of an id that is held back: a character that nobody writes.
const HELD: char = '\u{f8ff}';

const END: &str = ",\"end\":true}";

impl Event {
    /// The line without its newline.
    ///
    /// # Errors
    /// Refuses an event over [`MAX_EVENT`] bytes.
    pub fn line(&self) -> Result<String, Refusal> {
        let fact = json(&self.fact)?;
        let actor = json(&self.actor)?;
        // A fact alone is written as `{"<kind>":{<its fields>}}`.
        let (kind, fields) = fact
            .strip_prefix("{\"")
            .and_then(|rest| rest.strip_suffix("}}"))
            .and_then(|rest| rest.split_once("\":{"))
            .ok_or_else(|| Refusal::usage("an event of a later version cannot be written"))?;
        let comma = if fields.is_empty() { "" } else { "," };
        let tail = if self.end { END } else { "}" };
        let line = format!(
            "{MARK}{{\"seq\":{},\"at\":\"{}\",\"actor\":{actor},\"kind\":\"{kind}\"{comma}{fields},\"prev\":\"{}\"{tail}",
            self.seq, self.at, self.prev
        );
        if line.len() > MAX_EVENT {
            return Err(Refusal::usage(format!("an event of {} bytes is over the {MAX_EVENT} that one may have", line.len()))
                .hint("put the text into a file and name the file"));
        }
        Ok(line)
    }

    /// A line without what `redact` takes out of it. What is no event any more then lost a digest or an object id, which stands
    /// under a path that is named like a secret; those are left where they are.
    ///
    /// # Errors
    /// Refuses what is no event even so.
    pub fn redacted(line: &str, redact: impl Fn(&str) -> String) -> Result<String, Refusal> {
        let redacted = redact(line);
        if redacted == line || Self::parse(&redacted).is_ok() {
            return Ok(redacted);
        }
        let mut ids = Vec::new();
        let mut parts: Vec<Cow<'_, str>> = line.split('"').map(Cow::from).collect();
        for at in 1..parts.len() {
            // A quote inside a text has a backslash before it.
            if is_id(&parts[at]) && !parts[at - 1].ends_with('\\') {
                let held = format!("{HELD}{}{HELD}", ids.len());
                ids.push((held.clone(), parts[at].clone().into_owned()));
                parts[at] = held.into();
            }
        }
        let mut redacted = redact(&parts.join("\""));
        for (held, id) in ids {
            redacted = redacted.replacen(&held, &id, 1);
        }
        Self::parse(&redacted).map(|_| redacted)
    }

    /// Reads a line.
    ///
    /// # Errors
    /// Refuses what is not an event; `what` of the message says where the reading stopped.
    pub fn parse(line: &str) -> Result<Self, Refusal> {
        let text = line.strip_prefix(MARK).ok_or_else(|| Refusal::usage("an event's line starts with `--- `"))?;
        serde_json::from_str(text).map_err(|error| Refusal::usage(format!("not an event: {error}")))
    }

    /// Whether a line closes its command, told without parsing it.
    #[must_use]
    pub fn closes(line: &str) -> bool {
        line.ends_with(END)
    }
}

/// Whether it can be a digest or an object id.
fn is_id(text: &str) -> bool {
    [40, 64].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn json(value: &impl serde::Serialize) -> Result<String, Refusal> {
    serde_json::to_string(value).map_err(|error| Refusal::usage(format!("cannot write the event: {error}")))
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Line)
    }
}

/// The parts of a line around the fact, as far as they were read.
#[derive(Default)]
struct Around {
    seq: Option<u64>,
    at: Option<Timestamp>,
    actor: Option<Actor>,
    prev: Option<Digest>,
    end: bool,
}

/// A key, or another short text, without a copy where it stands in the line as it is.
#[derive(Deserialize)]
#[serde(transparent)]
struct Word<'a>(#[serde(borrow)] Cow<'a, str>);

impl Around {
    /// Takes the value of `key` when it is one of these parts; says whether it was.
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "seq" => once(&mut self.seq, "seq", map.next_value()?)?,
            "at" => once(&mut self.at, "at", map.next_value()?)?,
            "actor" => once(&mut self.actor, "actor", map.next_value()?)?,
            "prev" => once(&mut self.prev, "prev", map.next_value()?)?,
            "end" => self.end = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn once<T, E: serde::de::Error>(place: &mut Option<T>, key: &'static str, value: T) -> Result<(), E> {
    if place.replace(value).is_some() { Err(E::duplicate_field(key)) } else { Ok(()) }
}

struct Line;

impl<'de> Visitor<'de> for Line {
    type Value = Event;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Event, A::Error> {
        let (mut around, mut fact) = (Around::default(), None);
        while let Some(Word(key)) = map.next_key()? {
            if key == "kind" {
                let Word(kind) = map.next_value()?;
                let mut known = true;
                let rest = Rest { kind, map: &mut map, around: &mut around, known: &mut known };
                let read = Fact::deserialize(EnumAccessDeserializer::new(rest));
                let read = if known { read? } else { Fact::Unknown };
                once(&mut fact, "kind", read)?;
            } else if !around.take(&key, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        let missing = A::Error::missing_field;
        Ok(Event {
            seq: around.seq.ok_or_else(|| missing("seq"))?,
            at: around.at.ok_or_else(|| missing("at"))?,
            actor: around.actor.ok_or_else(|| missing("actor"))?,
            fact: fact.ok_or_else(|| missing("kind"))?,
            prev: around.prev.ok_or_else(|| missing("prev"))?,
            end: around.end,
        })
    }
}

/// The rest of a line after its kind, read as the fact of that kind; what is none of the fact's goes to `around`.
struct Rest<'a, 'de, A> {
    kind: Cow<'de, str>,
    map: &'a mut A,
    around: &'a mut Around,
    /// Made false when this program does not know the kind.
    known: &'a mut bool,
}

impl<'de, A: MapAccess<'de>> EnumAccess<'de> for Rest<'_, 'de, A> {
    type Error = A::Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), A::Error> {
        let variant = seed.deserialize(self.kind.as_ref().into_deserializer());
        *self.known = variant.is_ok();
        Ok((variant?, self))
    }
}

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for Rest<'_, 'de, A> {
    type Error = A::Error;

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(self)
    }

    // Every fact has named fields, be there none of them: these are never asked for.

    fn unit_variant(self) -> Result<(), A::Error> {
        Err(A::Error::invalid_type(Unexpected::UnitVariant, &"a fact with named fields"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, A::Error> {
        Err(A::Error::invalid_type(Unexpected::NewtypeVariant, &"a fact with named fields"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, A::Error> {
        Err(A::Error::invalid_type(Unexpected::TupleVariant, &"a fact with named fields"))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Rest<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(Word(key)) = self.map.next_key()? {
            if !self.around.take(&key, self.map)? {
                return seed.deserialize(CowStrDeserializer::new(key)).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{event::genesis, id::TaskId};

    fn read(text: &str) -> Result<Event, String> {
        let prev = genesis("clone");
        let text = text.replace("PREV", &format!("\"prev\":\"{prev}\"")).replace("AT", "\"at\":\"2026-11-20T18:00:00.123Z\"");
        Event::parse(&format!("{MARK}{{{text}}}")).map_err(|refusal| refusal.message)
    }

    #[test]
    fn what_is_none_of_the_facts_may_stand_before_or_after_its_fields() {
        let usual = read(r#""seq":1,AT,"actor":{"is":"autonomy"},"kind":"progress.added","text":"a","task":"t",PREV,"end":true"#);
        let usual = usual.expect("an event");
        let task = Some(TaskId::new("t").expect("plain"));
        assert_eq!(usual.fact, Fact::ProgressAdded { text: "a".into(), task });
        let mixed =
            r#""kind":"progress.added","end":true,PREV,"task":"t","later":[1],"actor":{"is":"autonomy"},"text":"a",AT,"seq":1"#;
        assert_eq!(read(mixed), Ok(usual));
    }

    #[test]
    fn a_fact_without_fields_reads_back_as_it_was() {
        let text = r#""seq":2,AT,"actor":{"is":"autonomy"},"kind":"session.resumed",PREV"#;
        let event = read(text).expect("an event");
        assert_eq!((&event.fact, event.end), (&Fact::SessionResumed {}, false));
        assert_eq!(Event::parse(&event.line().expect("small")), Ok(event));
    }

    #[test]
    fn what_is_missing_twice_or_of_another_type_is_named() {
        let whole = r#""seq":1,AT,"actor":{"is":"autonomy"},"kind":"progress.added","text":"a",PREV"#;
        for (from, to, said) in [
            ("\"seq\":1,", "", "missing field `seq`"),
            (",\"text\":\"a\"", "", "missing field `text`"),
            ("\"kind\":\"progress.added\",", "", "missing field `kind`"),
            ("\"text\":\"a\"", "\"text\":1", "invalid type: integer `1`, expected a string"),
            ("PREV", "PREV,PREV", "duplicate field `prev`"),
            ("PREV", "PREV,\"text\":\"b\"", "duplicate field `text`"),
        ] {
            let refused = read(&whole.replace(from, to)).expect_err(said);
            assert!(refused.contains(said), "{refused}");
        }
    }
}
