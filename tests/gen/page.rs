//! A manual page from a command: clap_mangen's sections, and the ones that it does not know.

use clap_mangen::Man;
use fsync::model::Exit;

use crate::session;
use crate::text::{self, Text};

/// The day of the last change of substance; set by hand, so that the pages stay the same from day to day.
const DATE: &str = "2026-11-22";

/// The whole page of `command`, which has been built.
pub fn render(command: &clap::Command) -> String {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let text = text::of(name);
    let shown = match name {
        "fsync" => shown(command.clone().long_about(text::INTRODUCTION)),
        _ => shown(command.clone()),
    };
    let man = Man::new(shown.clone())
        .title(name.to_uppercase())
        .section("1")
        .date(DATE)
        .source(concat!("fsync ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands");
    let mut out = Vec::new();
    man.render_title(&mut out).unwrap();
    man.render_name_section(&mut out).unwrap();
    man.render_synopsis_section(&mut out).unwrap();
    man.render_description_section(&mut out).unwrap();
    let mut page = String::from_utf8(out).unwrap();
    paragraphs(&mut page, text.more);
    if name == "fsync" {
        first_session(&mut page);
    }
    page.push_str(&commands(&shown));
    page.push_str(&options(&man));
    exit_status(&mut page);
    environment(&mut page);
    files(&mut page);
    examples(&mut page, &text);
    see_also(&mut page, &text);
    folded(&page)
}

/// The page with no line of more than 80 characters but where lines stay as they are.
fn folded(page: &str) -> String {
    let mut out = String::new();
    let mut verbatim = false;
    for line in page.lines() {
        match line {
            ".nf" | ".fi" => verbatim = line == ".nf",
            _ => {}
        }
        let mut rest = line;
        while rest.len() > 80 && !verbatim && !rest.starts_with(['.', '\'']) {
            // A line that began with a dot or a quote would be a request.
            let fits = |at: &usize| !rest[at + 1..].starts_with(['.', '\'', ' ']) && *at > 0;
            let near = rest[..80].rmatch_indices(' ').map(|(at, _)| at).find(fits);
            let Some(at) = near.or_else(|| rest.match_indices(' ').map(|(at, _)| at).find(fits))
            else {
                break;
            };
            out += &format!("{}\n", &rest[..at]);
            rest = &rest[at + 1..];
        }
        out += &format!("{rest}\n");
    }
    out
}

/// What a person does first, with what is then seen.
fn first_session(page: &mut String) {
    page.push_str(".SH \"A FIRST SESSION\"\n");
    for (at, (words, screen)) in session::play().into_iter().enumerate() {
        if at > 0 {
            page.push_str(".PP\n");
        }
        verbatim(page, words, &screen);
    }
    page.push_str(".SH \"WHERE TO READ ON\"\n");
    page.push_str(&roff(text::READ_ON));
    page.push('\n');
}

/// Words, and lines that stay as they are.
fn verbatim(page: &mut String, words: &str, lines: &str) {
    page.push_str(&roff(words));
    page.push_str("\n.PP\n.RS 4\n.nf\n");
    for line in lines.lines() {
        page.push_str(&roff(line));
        page.push('\n');
    }
    page.push_str(".fi\n.RE\n");
}

/// The command with its usage as clap prints it, and no list of values that reads as one value.
fn shown(mut command: clap::Command) -> clap::Command {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_string();
    command.override_usage(usage).mut_args(|arg| {
        let names = arg.get_value_names().unwrap_or_default();
        match (arg.is_positional(), names) {
            (true, [first, last]) => {
                // clap takes names that live as long as the program; a test has a handful.
                let joined: &'static str = format!("{first}... {last}").leak();
                arg.value_names([joined])
            }
            _ => arg,
        }
    })
}

/// The commands of fsync, by what they are for; each has a page.
fn groups(fsync: &clap::Command) -> String {
    let mut page = String::from(".SH COMMANDS\n");
    let mut rest: Vec<_> = fsync
        .get_subcommands()
        .filter(|c| !c.is_hide_set())
        .collect();
    for (title, names) in text::GROUPS {
        let fits = |c: &&clap::Command| names.is_empty() || names.contains(&c.get_name());
        let (group, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(fits);
        rest = others;
        if !group.is_empty() {
            page.push_str(&format!(".SS {title}\n"));
        }
        for command in group {
            // Help has no page, and prints those of the others.
            let head = match command.get_name() {
                "help" => "fsync help".to_string(),
                name => format!("fsync-{name}(1)"),
            };
            let about = command.get_about().map(ToString::to_string);
            item(&mut page, &head, &format!("{}.", about.unwrap_or_default()));
        }
    }
    page.push_str(".SS Beside them\n");
    for program in crate::extra() {
        let about = about(&program);
        item(&mut page, &format!("{program}(1)"), &format!("{about}."));
    }
    page
}

/// What the hand-written page of a program says of it, in the line of its name.
fn about(program: &str) -> String {
    let page = crate::top().join(format!("man/{program}.1"));
    let text = std::fs::read_to_string(page).unwrap();
    let mut lines = text.lines().skip_while(|line| *line != ".SH NAME");
    let line = lines.nth(1).unwrap().replace("\\-", "-");
    let (_, about) = line.split_once(" - ").unwrap();
    let mut letters = about.chars();
    let first = letters.next().unwrap().to_uppercase();
    first.chain(letters).collect()
}

/// A program's own commands, with their arguments; those of fsync have pages.
fn commands(command: &clap::Command) -> String {
    if command.get_name() == "fsync" {
        return groups(command);
    }
    let mut page = String::new();
    let own: Vec<_> = command
        .get_subcommands()
        .filter(|c| c.get_name() != "help")
        .collect();
    if !own.is_empty() {
        page.push_str(".SH COMMANDS\n");
    }
    for sub in own {
        let usage = sub.clone().render_usage().to_string();
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        item(
            &mut page,
            usage.trim_start_matches("Usage: "),
            &format!("{about}."),
        );
        let mut own = sub.get_positionals().chain(sub.get_opts());
        if !own.any(|arg| !arg.is_global_set()) {
            continue;
        }
        page.push_str(".RS\n");
        for arg in sub.get_positionals().chain(sub.get_opts()) {
            if arg.is_global_set() {
                continue;
            }
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            item(&mut page, &arg.to_string(), &help);
        }
        page.push_str(".RE\n");
    }
    page
}

/// The options; the groups below them as subsections, so that the page has the sections that pages have.
fn options(man: &Man) -> String {
    let mut out = Vec::new();
    man.render_options_section(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines = text.lines().map(|line| match line.strip_prefix(".SH ") {
        Some("OPTIONS") | None => format!("{line}\n"),
        Some(group) => format!(".SS {}\n", capital(group.trim_matches('"'))),
    });
    lines.collect()
}

fn capital(word: &str) -> String {
    let lower = word.to_lowercase();
    lower[..1].to_uppercase() + &lower[1..]
}

fn exit_status(page: &mut String) {
    page.push_str(".SH \"EXIT STATUS\"\nThe same for every program:\n");
    for exit in Exit::ALL {
        item(page, &exit.code().to_string(), exit.meaning());
    }
    item(page, "128+n", "ended by signal n");
}

fn environment(page: &mut String) {
    page.push_str(".SH ENVIRONMENT\n");
    item(
        page,
        "FSYNC_REPO",
        "The repository, unless --repo names one: a folder, or a store, SCHEME://...; see fsync-repository(5).",
    );
    item(
        page,
        "FSYNC_MACHINE",
        "Under which name this machine writes to a repository in a store, instead of its host name. One that is there \
         already is taken over, with its log; see fsync-repository(5).",
    );
    item(
        page,
        "FSYNC_TRUST",
        "Repositories that are used although they belong to another user, or everybody may write to them: paths with \
         colons between them, or * for all. Others of that kind are refused; see fsync-repository(5).",
    );
    item(
        page,
        "FSYNC_CONFIG",
        "The file of settings; empty: there is none. See fsync-config(5).",
    );
    item(
        page,
        "XDG_CONFIG_HOME",
        "Where the folder \"fsync\" with the file of settings is otherwise; ~/.config when it is not set.",
    );
    item(
        page,
        "XDG_DATA_HOME",
        "Where the repository \"fsync\" is otherwise; ~/.local/share when it is not set.",
    );
    item(
        page,
        "FSYNC_EXEC_PATH",
        "Where fsync looks for the programs that it runs, before its own folder and PATH.",
    );
}

fn files(page: &mut String) {
    page.push_str(".SH FILES\n");
    item(
        page,
        ".fsync-backup",
        "BACKUP: at the root of a directory, the id of the snapshot that a revert goes back to. It is part of no tree.",
    );
    item(
        page,
        ".fsync-sync",
        "SYNC: at the root of a directory, the sources of \"fsync sync\", one absolute path a line; see fsync-config(5).",
    );
    item(
        page,
        ".fsync-tmp-*",
        "Files that are being written. They are part of no tree.",
    );
    item(
        page,
        "~/.config/fsync/config.toml",
        "Settings; see fsync-config(5).",
    );
    item(
        page,
        "~/.local/share/fsync",
        "The repository; see fsync-repository(5).",
    );
    item(
        page,
        "~/.cache/fsync",
        "What this machine has of repositories in stores. It may be deleted.",
    );
}

fn examples(page: &mut String, text: &Text) {
    page.push_str(".SH EXAMPLES\n");
    for (at, (words, shell)) in text.examples.iter().enumerate() {
        if at > 0 {
            page.push_str(".PP\n");
        }
        verbatim(page, words, shell);
    }
}

fn see_also(page: &mut String, text: &Text) {
    let all: Vec<_> = text
        .see
        .iter()
        .chain(&["fsync-config(5)", "fsync-records(5)", "fsync-repository(5)"])
        .map(|name| roff(name))
        .collect();
    page.push_str(".SH \"SEE ALSO\"\n");
    page.push_str(&all.join(",\n"));
    page.push('\n');
}

fn paragraphs(page: &mut String, paragraphs: &[&str]) {
    for words in paragraphs {
        page.push_str(&format!(".PP\n{}\n", roff(words)));
    }
}

/// A hanging paragraph.
fn item(page: &mut String, head: &str, body: &str) {
    page.push_str(&format!(".TP\n\\fB{}\\fR\n{}\n", roff(head), roff(body)));
}

/// Text as it is to be read, so that roff leaves it so.
fn roff(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
        .replace('`', "\\(ga")
        .replace('^', "\\(ha")
        .replace('~', "\\(ti");
    match escaped.starts_with('.') {
        true => format!("\\&{escaped}"),
        false => escaped,
    }
}
