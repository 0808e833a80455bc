//! The table of cases that snapshots are measured by, each by its name: its tree is the one that `git add -A` makes, or it is
//! refused or left out by name. Below it further cases of the same kind.

use super::*;

/// One row of the table.
struct Row {
    name: &'static str,
    /// The first git that can make it.
    since: [u32; 2],
    /// Further options of `git init`.
    options: &'static [&'static str],
    prepare: fn(&Fixture),
    /// The work tree, seen from the first one.
    place: &'static str,
    wanted: Wanted,
}

/// What comes of a row.
enum Wanted {
    /// The tree that `git add -A` makes.
    AsGit,
    /// This content, which git may overlook.
    Holds(&'static str, &'static str),
    /// No snapshot, and these words.
    Refused(&'static str),
    /// The tree that git makes without this path, which it fails at, and the path is named.
    LeftOut(&'static str),
}

const fn row(name: &'static str, prepare: fn(&Fixture)) -> Row {
    Row { name, since: [2, 39], options: &[], prepare, place: ".", wanted: Wanted::AsGit }
}

fn changed(fixture: &Fixture) {
    fixture.write("a/x", "other\n");
    fixture.write("new", "1\n");
}

/// A clone beside the repository, with changes.
fn cloned(fixture: &Fixture, options: &[&str]) {
    fixture.git(&["config", "uploadpack.allowFilter", "true"]);
    let from = format!("file://{}", fixture.root().display());
    fixture.git(&[&["clone", "-q"], options, &[from.as_str(), "../beside"]].concat());
    fixture.write("../beside/a/x", "other\n");
    fixture.write("../beside/new", "1\n");
}

/// A merge that left a path open.
pub(super) fn unmerged(f: &Fixture) {
    f.git(&["checkout", "-q", "-b", "side"]);
    f.write("a/x", "side\n");
    f.git(&["commit", "-q", "-a", "-m", "side"]);
    f.git(&["checkout", "-q", "main"]);
    f.write("a/x", "main\n");
    f.git(&["commit", "-q", "-a", "-m", "main"]);
    assert!(!f.try_git(&["merge", "side"]).status.success());
}

const TABLE: &[Row] = &[
    row("plain mod+untracked+delete", |f| {
        f.write("a/x", "other\n");
        f.write("new", "1\n");
        remove(f, "c/z");
    }),
    row("racy: same size, same tick as index", |f| {
        f.write("a/x", "7\n");
        f.git(&["add", "a/x"]);
        f.write("a/x", "8\n");
    }),
    Row {
        wanted: Wanted::Holds("a/x", "9"),
        ..row("racy: mtime forced equal, same size", |f| {
            let file = f.root().join("a/x");
            let times = fs::metadata(&file).unwrap().modified().unwrap();
            f.write("a/x", "9\n");
            fs::File::options().write(true).open(&file).unwrap().set_modified(times).unwrap();
        })
    },
    row("exec bit flips", |f| {
        chmod(f, "a/x", 0o755);
        chmod(f, "run.sh", 0o644);
    }),
    row("core.fileMode=false + chmod", |f| {
        f.git(&["config", "core.fileMode", "false"]);
        chmod(f, "a/x", 0o755);
        chmod(f, "run.sh", 0o644);
        f.write("a/x", "other\n");
        f.write("new", "1\n");
        chmod(f, "new", 0o755);
    }),
    row("symlink retargeted; file->symlink; symlink->file", |f| {
        remove(f, "link");
        link(f, "c/z", "link");
        remove(f, "a/x");
        link(f, "nowhere", "a/x");
        link(f, "a/x", "was-link");
        f.git(&["add", "was-link"]);
        f.git(&["commit", "-q", "-m", "link"]);
        remove(f, "was-link");
        f.write("was-link", "plain\n");
    }),
    row("symlink to directory, untracked", |f| link(f, "a", "to-directory")),
    row("file -> directory", |f| {
        remove(f, "a/x");
        f.write("a/x/i", "1\n");
    }),
    row("directory -> file", |f| {
        remove(f, "a");
        f.write("a", "1\n");
    }),
    row("staged change + different worktree change", |f| {
        f.write("a/x", "staged\n");
        f.git(&["add", "a/x"]);
        f.write("a/x", "changed\n");
    }),
    row("git rm --cached file still there", |f| {
        f.git(&["rm", "-q", "--cached", "a/x"]);
    }),
    row("intent-to-add", |f| {
        f.write("meant", "1\n");
        f.git(&["add", "-N", "meant"]);
    }),
    row("assume-unchanged, modified", |f| {
        f.git(&["update-index", "--assume-unchanged", "a/x"]);
        f.write("a/x", "hidden\n");
    }),
    row("skip-worktree, modified", |f| {
        f.git(&["update-index", "--skip-worktree", "a/x"]);
        f.write("a/x", "hidden\n");
    }),
    row("skip-worktree, absent", |f| {
        f.git(&["update-index", "--skip-worktree", "a/b/y"]);
        remove(f, "a/b");
    }),
    row("ignore rules, negation, nested, tracked-but-ignored", |f| {
        f.write("x.o", "1");
        f.write("out/deep/x", "1");
        f.write("a/.gitignore", "!keep.o\nlocal\n/only\n*.tmp/\n");
        f.write("a/keep.o", "1");
        f.write("a/local", "1");
        f.write("a/b/local", "1");
        f.write("a/b/only", "1");
        f.write("a/d.tmp/x", "1");
        f.write("a/e.tmp", "1");
        f.write("tracked.o", "1");
        f.git(&["add", "-f", "tracked.o"]);
        f.write("tracked.o", "2");
        f.write("all/x.o", "1");
        fs::create_dir_all(f.root().join("hollow/inner")).unwrap();
    }),
    row("info/exclude", |f| {
        f.write(".git/info/exclude", "*.info\n");
        f.write("x.info", "1");
        f.write("x.other", "1");
    }),
    row("core.excludesFile", |f| {
        f.write("../ignored-by-me", "*.mine\n");
        f.git(&["config", "core.excludesFile", f.root().join("../ignored-by-me").to_str().unwrap()]);
        f.write("x.mine", "1");
        f.write("x.theirs", "1");
    }),
    row("untracked dir all ignored + empty dirs", |f| {
        f.write("all/x.o", "1");
        fs::create_dir_all(f.root().join("hollow/inner")).unwrap();
    }),
    row("non-UTF-8, newline, quote, leading dash names", |f| {
        use std::os::unix::ffi::OsStrExt as _;
        for name in [&b"caf\xe9"[..], b"two\nlines", b"qu\"ote", b"-dash", b"a-", b"a.c", b"a0"] {
            fs::write(f.root().join(std::ffi::OsStr::from_bytes(name)), "1").unwrap();
        }
    }),
    row("fifo and socket", |f| {
        assert!(Command::new("mkfifo").arg(f.root().join("pipe")).status().unwrap().success());
        drop(std::os::unix::net::UnixListener::bind(f.root().join("socket")).unwrap());
    }),
    row("glob-like names", |f| {
        for name in ["*", "[x]", ":(top)", "a?"] {
            f.write(name, "1");
        }
    }),
    row("unborn HEAD", |f| {
        f.git(&["checkout", "-q", "--orphan", "unborn"]);
        f.write("a/x", "other\n");
        f.write("new", "1\n");
    }),
    row("submodule, new commit checked out", |f| {
        other_repository(f, "sub");
        f.git(&["add", "-A"]);
        f.git(&["commit", "-q", "-m", "sub"]);
        commit_in(f, "sub");
        f.write("sub/dirt", "1");
    }),
    row("submodule, dirty only", |f| {
        other_repository(f, "sub");
        f.git(&["add", "-A"]);
        f.git(&["commit", "-q", "-m", "sub"]);
        f.write("sub/dirt", "1");
    }),
    row("submodule not initialised", |f| {
        other_repository(f, "sub");
        f.git(&["add", "-A"]);
        f.git(&["commit", "-q", "-m", "sub"]);
        remove(f, "sub");
        fs::create_dir(f.root().join("sub")).unwrap();
    }),
    row("untracked embedded repository", |f| {
        other_repository(f, "inner");
        f.write("inner/file", "1");
    }),
    Row {
        wanted: Wanted::LeftOut("emb/"),
        ..row("untracked empty embedded repository", |f| {
            f.git(&["init", "-q", "emb"]);
            f.write("emb/file", "1");
            f.write("new", "1");
        })
    },
    row("core.autocrlf=true, CRLF edits", |f| {
        f.git(&["config", "core.autocrlf", "true"]);
        f.write("a/x", "1\r\n2\r\n");
        f.write("new", "1\r\nx\n");
        f.write("binary", "\0\r\n");
    }),
    row("core.autocrlf=input", |f| {
        f.write("old", "1\r\n2\n");
        f.git(&["add", "old"]);
        f.git(&["config", "core.autocrlf", "input"]);
        f.write("old", "1\r\n3\r\n");
        f.write("new", "1\r\n");
    }),
    row(".gitattributes text/eol", |f| {
        f.write(".gitattributes", "*.txt text\n*.bat eol=crlf\n*.bin binary\n*.any text=auto\n");
        for name in ["n.txt", "n.bat", "n.bin", "n.any"] {
            f.write(name, "1\r\n2\n");
        }
    }),
    row(".gitattributes ident", |f| {
        f.write(".gitattributes", "*.c ident\n");
        f.write("n.c", "/* $Id: 0123 $ */\r\n");
    }),
    row(".gitattributes working-tree-encoding", |f| {
        f.write(".gitattributes", "*.wide working-tree-encoding=UTF-16LE\n");
        f.write("n.wide", "w\0i\0d\0e\0");
    }),
    Row {
        wanted: Wanted::Refused("`f.t` goes through the filter `upper`"),
        ..row("external clean filter (sed)", |f| {
            f.write(".gitattributes", "*.t filter=upper\n");
            f.git(&["config", "filter.upper.clean", "sed s/a/b/"]);
            f.write("f.t", "a\n");
        })
    },
    Row {
        wanted: Wanted::Refused("`big.bin` goes through the filter `lfs`"),
        ..row("git-lfs filter", |f| {
            f.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
            f.git(&["config", "filter.lfs.process", "git-lfs filter-process"]);
            f.git(&["config", "filter.lfs.clean", "git-lfs clean -- %f"]);
            f.write("big.bin", "1\n");
        })
    },
    Row {
        place: "../beside",
        ..row("linked worktree", |f| {
            f.git(&["worktree", "add", "-q", "../beside", "-b", "side"]);
            f.write("../beside/a/x", "other\n");
            f.write("../beside/new", "1\n");
        })
    },
    row("index v4", |f| {
        f.git(&["update-index", "--index-version", "4"]);
        f.write("a/x", "other\n");
    }),
    row("split index", |f| {
        f.git(&["update-index", "--split-index"]);
        f.write("a/x", "other\n");
        f.git(&["add", "a/x"]);
        f.git(&["rm", "-q", "--cached", "c/z"]);
        f.write("a/b/y", "changed\n");
        f.write("new", "1\n");
    }),
    row("index.skipHash", |f| {
        f.git(&["config", "index.skipHash", "true"]);
        f.write("c/z", "other\n");
        f.git(&["add", "c/z"]);
        f.write("a/x", "other\n");
    }),
    row("sparse checkout (cone, full index)", |f| {
        f.git(&["sparse-checkout", "set", "--cone", "--no-sparse-index", "c"]);
        f.write("c/z", "changed\n");
        f.write("c/new", "1\n");
    }),
    row("sparse checkout (cone, sparse index)", |f| {
        f.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "c"]);
        f.write("c/z", "changed\n");
        f.write("c/new", "1\n");
    }),
    Row { options: &["--object-format=sha256"], ..row("sha256 repository", changed) },
    Row { since: [2, 46], options: &["--ref-format=reftable"], ..row("reftable repository", changed) },
    Row { place: "../beside", ..row("partial clone (blob:none)", |f| cloned(f, &["--filter=blob:none"])) },
    Row {
        place: "../beside",
        ..row("shallow clone", |f| {
            f.write("a/x", "second\n");
            f.git(&["commit", "-q", "-a", "-m", "second"]);
            cloned(f, &["--depth=1"]);
        })
    },
    row("extensions.worktreeConfig", |f| {
        f.git(&["config", "extensions.worktreeConfig", "true"]);
        changed(f);
    }),
    row("unmerged index", unmerged),
    Row {
        since: [2, 48],
        place: "../beside",
        ..row("extensions.relativeWorktrees (git 2.48+)", |f| {
            f.git(&["worktree", "add", "-q", "--relative-paths", "../beside", "-b", "side"]);
            f.write("../beside/new", "1\n");
        })
    },
    row("fsmonitor hook configured", |f| {
        f.git(&["config", "core.fsmonitor", "touch ran;"]);
        changed(f);
    }),
    row("untracked cache on", |f| {
        f.git(&["update-index", "--untracked-cache"]);
        f.write("new/x", "1");
        f.status();
    }),
];

/// What the table has no row for.
const FURTHER: &[Row] = &[
    row("nothing changed", |_| {}),
    row("link becomes file", |f| {
        remove(f, "link");
        f.write("link", "plain\n");
    }),
    row("directory becomes link", |f| {
        remove(f, "a");
        link(f, "c", "a");
    }),
    row("sparse index, something stands at the directory", |f| {
        f.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "c"]);
        fs::create_dir(f.root().join("a")).unwrap();
        f.write("c/z", "changed\n");
    }),
    row("skip worktree, changed and absent", |f| {
        f.git(&["update-index", "--skip-worktree", "a/x", "c/z"]);
        f.write("a/x", "hidden\n");
        remove(f, "c/z");
    }),
    row("tracked file in an ignored directory", |f| {
        f.write("out/kept", "1");
        f.git(&["add", "-f", "out/kept"]);
        f.write("out/kept", "2");
        f.write("out/other", "1");
        f.write("out/sub/other", "1");
    }),
    row("a .git that is no repository", |f| {
        f.write("odd/.git/x", "1");
        f.write("odd/y", "1");
    }),
    row("submodule gone", |f| {
        other_repository(f, "sub");
        f.git(&["add", "-A"]);
        f.git(&["commit", "-q", "-m", "sub"]);
        remove(f, "sub");
    }),
    row("attributes outside the work tree", |f| {
        f.write(".git/info/attributes", "*.txt text\n");
        f.write("n.txt", "1\r\n");
    }),
    row("a filter without a program", |f| {
        f.write(".gitattributes", "*.txt filter=none\n");
        f.write("n.txt", "1\n");
    }),
    row("everything gone", |f| {
        for name in ["a", "c", "run.sh", "link", ".gitignore"] {
            remove(f, name);
        }
    }),
];

fn holds(row: &Row) {
    let fixture = base_with(row.options);
    (row.prepare)(&fixture);
    let place = fixture.root().join(row.place).canonicalize().unwrap();
    let at = ["-C", place.to_str().unwrap()];
    let git = |arguments: &[&str]| fixture.git(&[&at[..], arguments].concat());
    let index = place.join(git(&["rev-parse", "--git-path", "index"]));
    let before = fs::read(&index).unwrap();
    let repository = Repository::open(&place, &fixture.environment()).unwrap();
    let taken = repository.snapshot(&fixture.environment(), &Limits::default(), &[]);
    let name = row.name;
    if let Wanted::Refused(words) = row.wanted {
        let Err(refused) = taken else { panic!("{name}: was taken") };
        assert!(refused.to_string().contains(words), "{name}: {refused}");
        return;
    }
    let snapshot = taken.unwrap_or_else(|error| panic!("{name}: {error}"));
    let left_out: Vec<String> = snapshot.manifest().left_out.iter().map(|left| left.path.to_string()).collect();
    let signature = signature();
    let words = Words {
        message: "summary: x\n",
        signature: &signature,
        head: None,
        tag: None,
        files: &[],
        pinned: "refs/autonomy/pending",
    };
    let side = snapshot.write(&repository, &words).unwrap();
    assert_eq!(fs::read(&index).unwrap(), before, "{name}: the index was touched");
    assert!(!place.join("ran").exists(), "{name}: a program of the repository ran");
    let tree = git(&["rev-parse", &format!("{}^{{tree}}", side.commit)]);
    let without: &[&str] = match row.wanted {
        Wanted::Holds(path, content) => {
            assert_eq!(git(&["show", &format!("{tree}:{path}")]), content, "{name}");
            return;
        }
        Wanted::LeftOut(path) => {
            assert!(left_out.iter().any(|left| left == path), "{name}: {left_out:?}");
            &[":!emb"]
        }
        Wanted::AsGit | Wanted::Refused(_) => &[],
    };
    let expected = tree_of_git_at(&fixture, row.place, without);
    assert!(tree == expected, "{name}: {}", git(&["diff-tree", "-r", "--abbrev", &expected, &tree]));
}

#[test]
fn each_row_of_the_table_is_as_git_makes_it_or_refused_by_name() {
    assert_eq!(TABLE.len(), 50);
    for row in TABLE {
        let [major, minor] = row.since;
        if Fixture::new().git_is(row.since) {
            holds(row);
        } else {
            // Past what the test runner captures.
            let line = format!("SKIPPED: `{}` because it needs git {major}.{minor}\n", row.name);
            std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
        }
    }
}

#[test]
fn so_is_whatever_the_table_has_no_row_for() {
    FURTHER.iter().for_each(holds);
}
