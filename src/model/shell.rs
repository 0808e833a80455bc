//! Setting variables in a person's shell, and command lines for one, quoted so that every value and word arrives as it is.
//!
//! Only text is written here; nothing is run.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::refusal::Refusal;

/// A family of shells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Shell {
    /// sh, bash, zsh, dash, ksh.
    #[default]
    Sh,
    /// fish.
    Fish,
    /// `PowerShell`.
    PowerShell,
}

impl Shell {
    /// The line that sets the variable `name`, which is a plain word, and hands it on to programs.
    #[must_use]
    pub fn set(self, name: &str, value: &str) -> String {
        match self {
            // Inside single quotes nothing but the quote itself is special (POSIX, Shell Command Language 2.2.2).
            Self::Sh => format!("export {name}='{}'", value.replace('\'', r"'\''")),
            // fish knows two escapes inside single quotes (fish documentation, "Quotes").
            Self::Fish => format!("set -gx {name} '{}'", value.replace('\\', r"\\").replace('\'', r"\'")),
            // PowerShell takes the typographic quotes for plain ones (about_Quoting_Rules); doubled they mean themselves.
            Self::PowerShell => {
                let mut quoted = String::new();
                for character in value.chars() {
                    quoted.push(character);
                    if matches!(character, '\'' | '\u{2018}'..='\u{201b}') {
                        quoted.push(character);
                    }
                }
                format!("$env:{name} = '{quoted}'")
            }
        }
    }

    /// The command that a person types to have the lines of `command` carried out.
    #[must_use]
    pub fn evaluate(self, command: &str) -> String {
        match self {
            Self::Sh => format!("eval \"$({command})\""),
            Self::Fish => format!("{command} | source"),
            Self::PowerShell => format!("{command} | Out-String | Invoke-Expression"),
        }
    }
}

/// The command line of `words` for a shell of the family `sh`.
#[must_use]
pub fn command_line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted = words.into_iter().map(|word| {
        let is_plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/:=,@+%".contains(&byte));
        if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Shell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sh => "sh",
            Self::Fish => "fish",
            Self::PowerShell => "powershell",
        })
    }
}

impl FromStr for Shell {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text.to_lowercase().as_str() {
            "sh" | "bash" | "zsh" | "dash" | "ksh" => Ok(Self::Sh),
            "fish" => Ok(Self::Fish),
            "powershell" | "pwsh" => Ok(Self::PowerShell),
            _ => Err(Refusal::usage(format!(
                "`{}` is none of the shells sh (bash, zsh, dash, ksh), fish and powershell",
                text.escape_debug()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_has_its_own_quotes() {
        let value = "/a b/it's $HOME `x` \\ \u{2019}";
        let lines: Vec<String> =
            [Shell::Sh, Shell::Fish, Shell::PowerShell].into_iter().map(|shell| shell.set("DIR", value)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        export DIR='/a b/it'\''s $HOME `x` \ ’'
        set -gx DIR '/a b/it\'s $HOME `x` \\ ’'
        $env:DIR = '/a b/it''s $HOME `x` \ ’’'
        ");
    }

    #[test]
    fn words_of_a_command_line_arrive_as_they_are() {
        let words = ["autonomy", "note", "it's short", "", "--plain=1,2"];
        assert_eq!(command_line(words), r"autonomy note 'it'\''s short' '' --plain=1,2");
    }

    #[test]
    fn a_shell_is_known_by_the_name_of_its_program() {
        for (name, shell) in [("bash", Shell::Sh), ("fish", Shell::Fish), ("pwsh", Shell::PowerShell)] {
            assert_eq!(name.parse(), Ok(shell));
            assert_eq!(shell.to_string().parse(), Ok(shell));
        }
        assert!("csh".parse::<Shell>().is_err());
    }
}
