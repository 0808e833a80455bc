//! The milestones that most projects have, in the order in which they are reached.
//!
//! Only what they are called and what comes after what; how they become tasks is a verb's.

/// A milestone to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// What it is called.
    pub title: String,
    /// When it is reached.
    pub meaning: &'static str,
    /// The titles of those that come before it; each of them is before it in the list as well.
    pub after: Vec<String>,
}

const DISCOVERY: &str = "Discovery complete";
const ARCHITECTURE: &str = "Architecture complete";

/// The eight usual ones; the two that are about components are there once for each, or once for all when none is named.
#[must_use]
pub fn usual(components: &[String]) -> Vec<Outline> {
    let outline = |title: &str, meaning, after: &[String]| Outline { title: title.to_owned(), meaning, after: after.to_vec() };
    let titles = |suffix: &str| -> Vec<String> {
        match components {
            [] => vec![format!("Components {suffix}")],
            named => named.iter().map(|name| format!("{name} {suffix}")).collect(),
        }
    };
    let (implemented, tested) = (titles("implemented"), titles("tests passing"));
    let mut all = vec![
        outline(DISCOVERY, "It is written down what is to be built, for whom, and what is left out.", &[]),
        outline(
            ARCHITECTURE,
            "The parts, what lies between them and the decisions behind them are written down.",
            &[DISCOVERY.to_owned()],
        ),
    ];
    for title in &implemented {
        all.push(outline(title, "All of it is there and does what was asked for.", &[ARCHITECTURE.to_owned()]));
    }
    for (title, before) in tested.iter().zip(&implemented) {
        all.push(outline(title, "Its tests are there and pass.", std::slice::from_ref(before)));
    }
    all.push(outline("Security audit complete", "What was found is mended or accepted by a decision.", &implemented));
    all.push(outline("Documentation complete", "Whoever uses, runs or changes it finds what they need.", &implemented));
    all.push(outline("Deployment scripts ready", "It can be installed, taken back and moved by one command each.", &implemented));
    all.push(outline("Integration tests passing", "All components work together, and tests show it.", &tested));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_after_what_is_before_it_in_the_list() {
        let list = |components: &[&str]| {
            let components: Vec<String> = components.iter().map(|&name| name.to_owned()).collect();
            let line =
                |it: Outline| if it.after.is_empty() { it.title } else { format!("{} < {}", it.title, it.after.join(", ")) };
            usual(&components).into_iter().map(line).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(usual(&[]).len(), 8);
        insta::assert_snapshot!(list(&["Parser", "Server"]), @r"
        Discovery complete
        Architecture complete < Discovery complete
        Parser implemented < Architecture complete
        Server implemented < Architecture complete
        Parser tests passing < Parser implemented
        Server tests passing < Server implemented
        Security audit complete < Parser implemented, Server implemented
        Documentation complete < Parser implemented, Server implemented
        Deployment scripts ready < Parser implemented, Server implemented
        Integration tests passing < Parser tests passing, Server tests passing
        ");
    }
}
