//! What a session changed, as far as text alone tells: tests that were added, items of a list that were closed.
//!
//! Tests are counted by how their declarations look in each language. That is a count for people, not an analysis: a
//! declaration inside a string counts, one that a macro writes does not.

use std::collections::BTreeMap;

use crate::model::markdown::{self, CheckBox};

/// How many tests the source text of a file declares, told by the ending of `path`.
#[must_use]
pub fn declared_tests(path: &str, text: &str) -> usize {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    let declares: fn(&str) -> bool = match ending {
        "rs" => |line| {
            let Some(attribute) = line.strip_prefix("#[") else { return false };
            let name = attribute.split([']', '(']).next().unwrap_or_default();
            matches!(name.rsplit("::").next().unwrap_or_default().trim(), "test" | "rstest" | "test_case" | "quickcheck")
        },
        "py" => |line| line.strip_prefix("async ").unwrap_or(line).starts_with("def test"),
        "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" => |line| called(line, &["it", "test"]),
        "go" => |line| ["func Test", "func Benchmark", "func Fuzz", "func Example"].iter().any(|start| line.starts_with(start)),
        "java" | "kt" | "kts" | "groovy" | "scala" => {
            |line| annotated(line, '@', &["Test", "ParameterizedTest", "RepeatedTest"]) || line.starts_with("test(\"")
        }
        "cs" => |line| annotated(line, '[', &["Test", "TestCase", "TestMethod", "Fact", "Theory"]),
        "rb" => |line| line.starts_with("def test_") || called(line, &["it", "test", "specify"]),
        "php" => |line| line.contains("function test") || called(line, &["it", "test"]),
        "swift" => |line| line.starts_with("func test") || annotated(line, '@', &["Test"]),
        "ex" | "exs" => |line| line.starts_with("test \""),
        "c" | "cc" | "cpp" | "cxx" | "h" | "hpp" => {
            |line| ["TEST(", "TEST_F(", "TEST_P(", "TEST_CASE("].iter().any(|start| line.starts_with(start))
        }
        "sh" | "bats" => |line| line.starts_with("@test "),
        _ => return 0,
    };
    text.lines().filter(|line| declares(line.trim_start())).count()
}

/// Whether `line` calls one of `names` with a text: `it("…"`, `test.only('…'`, `it '…'`.
fn called(line: &str, names: &[&str]) -> bool {
    names.iter().filter_map(|name| line.strip_prefix(name)).any(|rest| {
        let rest = rest.strip_prefix(".only").or_else(|| rest.strip_prefix(".each")).unwrap_or(rest);
        let rest = rest.trim_start_matches(['(', ' ']);
        rest.starts_with(['"', '\'', '`', '['])
    })
}

/// Whether `line` begins with `mark` and one of `names` as a whole word.
fn annotated(line: &str, mark: char, names: &[&str]) -> bool {
    let Some(rest) = line.strip_prefix(mark) else { return false };
    let word = rest.split(|character: char| !character.is_alphanumeric()).next().unwrap_or_default();
    names.contains(&word)
}

/// The items of a list in markdown that were open in `before` and are ticked in `after`, in the order of `after`. An item
/// that stands there several times counts as often as it was closed.
#[must_use]
pub fn closed_items(before: &str, after: &str) -> Vec<String> {
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    let mut done_before: BTreeMap<&str, usize> = BTreeMap::new();
    for check in boxes(before) {
        *if check.done { &mut done_before } else { &mut open }.entry(check.text).or_default() += 1;
    }
    let mut closed = Vec::new();
    for check in boxes(after).filter(|check| check.done) {
        if let Some(known) = done_before.get_mut(check.text).filter(|count| **count > 0) {
            *known -= 1;
        } else if let Some(left) = open.get_mut(check.text).filter(|count| **count > 0) {
            *left -= 1;
            closed.push(check.text.to_owned());
        }
    }
    closed
}

/// How many items of a list in markdown are open.
#[must_use]
pub fn open_items(text: &str) -> usize {
    boxes(text).filter(|check| !check.done).count()
}

fn boxes(text: &str) -> impl Iterator<Item = CheckBox<'_>> {
    markdown::lines(text).filter_map(|line| line.check())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_in_the_languages_that_people_use() {
        for (path, text, count) in [
            ("src/a.rs", "#[test]\nfn a() {}\n    #[tokio::test(flavor = \"x\")]\n#[cfg(test)]\nmod tests {}\n", 2),
            ("a_test.py", "def test_a():\n    pass\nclass T:\n    async def test_b(self):\n    def helper(self):\n", 2),
            ("a.spec.ts", "it('works', () => {})\n  test.only(\"x\", f)\nitem('no')\ndescribe('x')\n", 2),
            ("a_test.go", "func TestA(t *testing.T) {\nfunc helper() {\n", 1),
            ("A.java", "@Test\n@TestFactoryThing\n  @ParameterizedTest(name = \"x\")\n", 2),
            ("a.rb", "it 'works' do\nit \"too\" do\ninit 'no'\n", 2),
            ("a.cpp", "TEST_F(Fixture, Works) {\n", 1),
            ("notes.md", "#[test]\n", 0),
            ("Makefile", "test:\n", 0),
        ] {
            assert_eq!(declared_tests(path, text), count, "{path}");
        }
    }

    #[test]
    fn an_item_is_closed_when_it_was_open_and_is_ticked() {
        let before = "# To do\n- [ ] one\n- [ ] two\n- [x] three\n- [ ] twice\n- [ ] twice\n```\n- [ ] code\n```\n";
        let after = "- [x] two\n- [x] three\n- [x] new\n- [ ] one\n- [x] twice\n- [ ] twice\n";
        assert_eq!(closed_items(before, after), ["two", "twice"]);
        assert_eq!(closed_items(before, before), Vec::<String>::new());
        assert_eq!(open_items(before), 4);
    }
}
