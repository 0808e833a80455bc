//! Which rollback is undone next, and which undoing can be taken back: any number of steps, in both directions.
//!
//! The chain is what safety snapshots tell; nothing here reads one.

use crate::model::id::Oid;

/// A rollback as its safety snapshot tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// The safety snapshot.
    pub safety: Oid,
    /// The safety snapshot that it went back to, when it undid a rollback.
    pub undid: Option<Oid>,
}

/// What can be done next, as places in the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// The rollback that is undone next.
    pub undo: Option<usize>,
    /// The undoing that can be taken back, as long as nothing was rolled back since.
    pub redo: Option<usize>,
}

/// What a link of the chain is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    Rollback,
    Undo(usize),
    Redo(usize),
}

/// The next steps after the rollbacks of one work tree, oldest first.
#[must_use]
pub fn steps(chain: &[Past]) -> Steps {
    let mut links: Vec<Link> = Vec::with_capacity(chain.len());
    let mut stands: Vec<bool> = Vec::with_capacity(chain.len());
    let mut newest = None;
    for (at, past) in chain.iter().enumerate() {
        let undone = past.undid.as_ref().and_then(|safety| chain[..at].iter().position(|other| other.safety == *safety));
        let link = match undone.map(|undone| (undone, links[undone])) {
            None => Link::Rollback,
            Some((undone, Link::Rollback | Link::Redo(_))) => Link::Undo(undone),
            Some((undone, Link::Undo(_))) => Link::Redo(undone),
        };
        match link {
            Link::Rollback => newest = Some(at),
            Link::Undo(undone) => stands[undone] = false,
            Link::Redo(undone) => {
                stands[undone] = false;
                if let Link::Undo(first) = links[undone] {
                    stands[first] = true;
                }
            }
        }
        links.push(link);
        stands.push(true);
    }
    let last = |wanted: &dyn Fn(usize) -> bool| (0..links.len()).rev().find(|at| stands[*at] && wanted(*at));
    Steps {
        undo: last(&|at| links[at] == Link::Rollback),
        redo: last(&|at| matches!(links[at], Link::Undo(_)) && newest.is_none_or(|newest| newest < at)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn oid(number: usize) -> Oid {
        Oid::new(format!("{number:040}")).expect("forty digits")
    }

    fn chain(undid: &[Option<usize>]) -> Vec<Past> {
        undid.iter().enumerate().map(|(at, undid)| Past { safety: oid(at), undid: undid.map(oid) }).collect()
    }

    #[test]
    fn undoing_walks_back_and_taking_that_back_walks_forward() {
        let steps = |undid: &[Option<usize>]| {
            let steps = steps(&chain(undid));
            (steps.undo, steps.redo)
        };
        assert_eq!(steps(&[]), (None, None));
        assert_eq!(steps(&[None, None]), (Some(1), None));
        assert_eq!(steps(&[None, None, Some(1)]), (Some(0), Some(2)));
        assert_eq!(steps(&[None, None, Some(1), Some(0)]), (None, Some(3)));
        assert_eq!(steps(&[None, None, Some(1), Some(0), Some(3)]), (Some(0), Some(2)));
        assert_eq!(steps(&[None, None, Some(1), Some(0), Some(3), Some(2)]), (Some(1), None));
        assert_eq!(steps(&[None, Some(0), None]), (Some(2), None), "a new rollback closes the way forward");
        assert_eq!(steps(&[Some(77), None]), (Some(1), None), "what went back to a snapshot that is gone is a rollback");
    }

    proptest! {
        #[test]
        fn as_many_undoings_as_rollbacks_lead_to_the_beginning_and_back(rollbacks in 1..8_usize) {
            let mut undid = vec![None; rollbacks];
            for left in (0..rollbacks).rev() {
                let step = steps(&chain(&undid)).undo;
                prop_assert_eq!(step, Some(left));
                undid.push(step);
            }
            prop_assert_eq!(steps(&chain(&undid)).undo, None);
            for again in 0..rollbacks {
                let step = steps(&chain(&undid)).redo;
                prop_assert!(step.is_some());
                undid.push(step);
                prop_assert_eq!(steps(&chain(&undid)).undo, Some(again));
            }
            prop_assert_eq!(steps(&chain(&undid)).redo, None);
        }
    }
}
