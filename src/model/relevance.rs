//! How much something remembered matters for the work at hand, as a number from 0 to 1000.
//!
//! The weights are those of the founding documents: age 0.3, how often it was used 0.2, relations 0.25, the task 0.25. How
//! often something was used is not recorded, so that part is always nothing.

use crate::model::time::{Lapse, Timestamp};

/// How close the task that something belongs to is to the current one, the closest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kin {
    /// It is the current task.
    Same,
    /// It is a part of it, the whole of it, or comes right before or after it.
    Family,
    /// It is another task of the same session.
    Session,
    /// It is any other task.
    Stranger,
    /// It belongs to no task.
    None,
}

/// The relevance of something that is `age` old and has `relations` direct relations to the work at hand.
#[must_use]
pub fn relevance(age: Lapse, kin: Kin, relations: u32) -> u32 {
    let hours = age.0.as_secs_f64() / 3600.0;
    let fresh = 0.95_f64.powf(hours);
    let related = (f64::from(relations) * 0.3).min(1.0);
    let task = match kin {
        Kin::Same => 1.0,
        Kin::Family => 0.8,
        Kin::Session => 0.6,
        Kin::Stranger => 0.4,
        Kin::None => 0.5,
    };
    let weighted = fresh * 0.3 + related * 0.25 + task * 0.25;
    // A sum of shares of 1 is between 0 and 1.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 0 and 1000")]
    let rounded = (weighted * 1000.0).round() as u32;
    rounded
}

/// The age at `now` of what was made `then`; what nobody dated counts as a week old.
#[must_use]
pub fn age(then: Option<Timestamp>, now: Timestamp) -> Lapse {
    then.map_or(Lapse::hours(7 * 24), |then| now.since(then))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_the_founding_ones() {
        assert_eq!(relevance(Lapse::default(), Kin::Same, 0), 550);
        assert_eq!(relevance(Lapse::default(), Kin::None, 0), 425);
        assert_eq!(relevance(Lapse::hours(1), Kin::None, 0), 410);
        assert_eq!(relevance(Lapse::hours(14), Kin::None, 1), 346);
        assert_eq!(relevance(Lapse::hours(10_000), Kin::Stranger, 0), 100);
        assert_eq!(relevance(Lapse::default(), Kin::Same, 9), 800);
    }

    #[test]
    fn a_closer_task_and_a_younger_age_count_for_more() {
        let kin = [Kin::Same, Kin::Family, Kin::Session, Kin::None, Kin::Stranger];
        assert!(kin.windows(2).all(|two| relevance(Lapse::hours(3), two[0], 0) > relevance(Lapse::hours(3), two[1], 0)));
        assert!(relevance(Lapse::hours(3), Kin::None, 0) > relevance(Lapse::hours(4), Kin::None, 0));
    }
}
