use super::{ordered::Ordered, *};
use proptest::prelude::*;

const PROFILE: &str = "<tars>\n  <application>\n    <client>\n      sync-invoke-timeout=5000\n      extra = a\\=b\n    </client>\n  </application>\n</tars>\n";
const TEMPLATE: &str = "<tars>\n<application>\n#comment\nenableset=${enableset}\n<client>\nlocator =${locator}\nsync-invoke-timeout = 3000\nasyncthread = ${asyncthread}\n</client>\n<server>\nallow\napp = ${app}\n</server>\n</application>\n</tars>\n";
const JOINED: &str = "<tars>\n  <application>\n    enableset=${enableset}\n    <client>\n      locator=${locator}\n      asyncthread=${asyncthread}\n      sync-invoke-timeout=5000\n      extra=a\\=b\n    </client>\n    <server>\n      allow\n      app=${app}\n    </server>\n  </application>\n</tars>\n";

fn parse(text: &str) -> Config {
    Config::parse(text).unwrap()
}

fn problem(text: &str) -> (usize, ParseProblem) {
    let error = Config::parse(text).unwrap_err();
    (error.line, error.problem)
}

#[test]
fn joins_profile_and_template_chain_like_the_cpp_parser() {
    let mut document = parse(PROFILE);
    document.join(&parse(""), false).unwrap();
    document.join(&parse(TEMPLATE), false).unwrap();
    assert_eq!(document.print().unwrap(), JOINED);
    assert_eq!(document.get("/tars/application/client<extra>"), Some("a=b"));
    assert_eq!(document.get("/tars/application/server<allow>"), Some(""));
    assert_eq!(document.get("/tars/application/server<absent>"), None);
    assert_eq!(document.get("/tars/absent<app>"), None);
}

#[test]
fn update_lets_the_other_document_win() {
    let mut base = parse("<a>\nx=1\ny=2\n</a>");
    base.join(&parse("<a>\nx=9\nz=3\n</a>\n<A>\n</A>"), true).unwrap();
    assert_eq!(base.print().unwrap(), "<A>\n</A>\n<a>\n  y=2\n  x=9\n  z=3\n</a>\n");
}

#[test]
fn a_repeated_key_moves_behind_the_others() {
    let mut child = parse("<a>\nx=1\ny=2\nx=3\n</a>");
    child.join(&parse("<a>\nz=0\nx=9\n</a>"), false).unwrap();
    assert_eq!(child.print().unwrap(), "<a>\n  z=0\n  y=2\n  x=3\n</a>\n");
}

#[test]
fn a_domain_opened_again_is_continued_where_it_stands() {
    let document = parse("<a>\n<b>\nx=1\n</b>\n<c>\n</c>\n<b> ignored\ny=2\n</b> ignored\n</a>");
    assert_eq!(document.print().unwrap(), "<a>\n  <b>\n    x=1\n    y=2\n  </b>\n  <c>\n  </c>\n</a>\n");
    let names: Vec<_> = document.domain("/a").unwrap().domains().map(|(name, _)| name).collect();
    assert_eq!(names, ["b", "c"]);
}

#[test]
fn parameters_outside_domains_can_be_read_but_are_not_printed() {
    let document = parse("k=v\n<a>\n</a>\n");
    assert_eq!(document.get("/<k>"), Some("v"));
    assert_eq!(document.print().unwrap(), "<a>\n</a>\n");
    let mut joined = document;
    joined.join(&Config::default(), true).unwrap();
    assert_eq!(joined.get("/<k>"), None);
}

#[test]
fn escapes_are_read_and_written() {
    let document = parse("<a>\nx=c:\\\\d\\te\ny=1 2=3\na\\\\ = b\n= v\n=\n</a>");
    assert_eq!(document.get("/a<x>"), Some("c:\\d\te"));
    assert_eq!(document.get("/a<y>"), Some("1 2=3"));
    assert_eq!(document.get("/a<a\\>"), Some("b"));
    let printed = document.print().unwrap();
    assert_eq!(printed, "<a>\n  x=c:\\\\d\\te\n  y=1 2\\=3\n  a\\\\ =b\n  =\n</a>\n");
    assert_eq!(parse(&printed), document);
}

#[test]
fn errors_name_the_line_and_the_problem() {
    assert_eq!(problem("<a>\n\n x=\\s\n</a>"), (3, ParseProblem::Escape("\\s".into())));
    assert_eq!(problem("<a>\nx=b\\\n</a>").0, 2);
    assert_eq!(problem("<a>\n<b>\n</a>\n"), (3, ParseProblem::Mismatch { found: "a".into(), open: "b".into() }));
    assert_eq!(problem("<a>\n</a>\n</a>\n"), (3, ParseProblem::NothingOpen("a".into())));
    assert_eq!(problem("<a>\n<b>\n</b>\n"), (4, ParseProblem::Unclosed("a".into())));
    assert_eq!(problem("<a\n</a>"), (1, ParseProblem::UnfinishedTag("<a".into())));
    let message = Config::parse("<a>\n<b>\n</a>\n").unwrap_err().to_string();
    assert_eq!(message, "line 3: </a> does not close the innermost open domain, which is <b>");
}

#[test]
fn brackets_are_read_but_not_written() {
    let document = parse("<a>\nx=a>b\n</a>");
    assert_eq!(document.get("/a<x>"), Some("a>b"));
    let refused = PrintError::Bracket { what: "value", text: "a>b".into(), domain: "a".into() };
    assert_eq!(document.print(), Err(refused.clone()));
    let mut child = parse("<a>\nx=1\n</a>");
    let before = child.clone();
    assert_eq!(child.join(&document, false), Err(refused));
    assert_eq!(child, before, "a failed join changes nothing");
}

#[test]
fn depth_and_length_are_bounded() {
    let nested = |depth: usize| {
        let open = (0..depth).map(|i| format!("<d{i}>\n"));
        let close = (0..depth).rev().map(|i| format!("</d{i}>\n"));
        open.chain(close).collect::<Vec<_>>().concat()
    };
    assert!(Config::parse(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(problem(&nested(MAX_DEPTH + 1)), (MAX_DEPTH + 1, ParseProblem::TooDeep(format!("d{MAX_DEPTH}"))));
    assert_eq!(problem(&nested(50_000)).1, ParseProblem::TooDeep(format!("d{MAX_DEPTH}")));
    assert_eq!(problem(&"x".repeat(MAX_TEXT + 1)).1, ParseProblem::TooLong(MAX_TEXT + 1));

    let wide = (0..100_000).map(|i| format!("{i}\n")).collect::<Vec<_>>().concat();
    let deep = nested(MAX_DEPTH).replacen("</", &format!("{wide}</"), 1);
    assert_eq!(Config::parse(&deep).unwrap().print(), Err(PrintError::TooLong));
}

#[test]
fn set_makes_domains_and_trims_blanks() {
    let mut document = Config::default();
    document.set("/tars/application/server/A.B.CAdapter<allow>", "").unwrap();
    document.set("/tars/application/server<node>", " x ").unwrap();
    assert_eq!(
        document.print().unwrap(),
        "<tars>\n  <application>\n    <server>\n      node=x\n      <A.B.CAdapter>\n        allow\n      </A.B.CAdapter>\n    </server>\n  </application>\n</tars>\n"
    );
    assert!(matches!(document.set("/tars/key", "v"), Err(PathError::NoParameter(_))));
    assert!(matches!(document.set(&format!("{}<k>", "/a".repeat(MAX_DEPTH + 1)), "v"), Err(PathError::TooDeep(_))));
    document.set("/tars<#k>", "v").unwrap();
    assert!(matches!(document.print(), Err(PrintError::Name { what: "key", .. })));
}

/// Text with every character that has a meaning, and with some that have none.
fn any_text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "=", "\\", "\r", "\n", "\t", " ", "#", "/", "é", "1"]), 0..8)
        .prop_map(|parts| parts.concat())
}

fn any_config() -> impl Strategy<Value = Config> {
    let parameter = (prop::collection::vec("[a-c/]{1,2}", 1..4), any_text(), any_text());
    prop::collection::vec(parameter, 0..12).prop_map(|parameters| {
        let mut config = Config::default();
        for (domains, key, value) in parameters {
            let _ = config.set(&format!("/{}<{key}>", domains.join("/")), &value);
        }
        // If every name was a slash, the parameter belongs to the root and is not printed.
        config.root.parameters = Ordered::default();
        config
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(config in any_config()) {
        if let Ok(text) = config.print() {
            let mut read = parse(&text);
            prop_assert_eq!(read.print().unwrap(), text);
            // Top-level domains are printed by name, so only their order may change.
            let mut sorted = Config::default();
            sorted.join(&config, true).unwrap();
            read.join(&Config::default(), true).unwrap();
            for (name, domain) in sorted.root.domains() {
                prop_assert_eq!(read.root.domain(name), Some(domain));
            }
            prop_assert_eq!(read.root.domains().count(), sorted.root.domains().count());
        }
    }

    #[test]
    fn a_join_is_the_reading_of_both_texts(first in any_config(), second in any_config()) {
        if let (Ok(first_text), Ok(second_text)) = (first.print(), second.print()) {
            let read = parse(&(first_text + &second_text));
            let mut updated = first.clone();
            updated.join(&second, true).unwrap();
            prop_assert_eq!(updated.print().unwrap(), read.print().unwrap());
            let mut kept = second;
            kept.join(&first, false).unwrap();
            prop_assert_eq!(kept.print().unwrap(), read.print().unwrap());
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "([<>/=\\\\#ab \n\t]|\\PC){0,60}") {
        if let Ok(config) = Config::parse(&text) && let Ok(printed) = config.print() {
            prop_assert_eq!(parse(&printed).print().unwrap(), printed);
        }
    }
}
