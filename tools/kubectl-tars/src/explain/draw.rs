//! Draws the tree of causes as lines of text.

use super::shown::{PROBLEM, PROGRESSING, Shown, UNKNOWN};
use crate::output::{format_table, paint_bad, paint_doubtful};
use jiff::Timestamp;

/// The tree of one server. With `wide` it has the advice for causes that cannot be judged, and times instead of ages.
pub fn draw(server: &Shown, now: Timestamp, wide: bool) -> String {
    let mut pen = Pen { now, wide, text: String::new() };
    pen.draw(server, "", "");
    pen.text
}

/// A table with a row for each server.
pub fn list(servers: &[Shown], now: Timestamp) -> String {
    let row = |server: &Shown| {
        let message = server.children.first().map_or(&server.message, |cause| &cause.message);
        let since = server.since.map(|since| format_age(since, now)).unwrap_or_default();
        vec![clean(&server.name), clean(&server.reason), since, clean(message)]
    };
    format_table(&["NAME", "REASON", "SINCE", "FIRST CAUSE"], &servers.iter().map(row).collect::<Vec<_>>())
}

struct Pen {
    now: Timestamp,
    wide: bool,
    text: String,
}

impl Pen {
    /// Draws `cause` behind `branch`. Its further lines and its children come behind `trunk`.
    fn draw(&mut self, cause: &Shown, branch: &str, trunk: &str) {
        self.add(branch, &self.describe(cause));
        let below = if cause.children.is_empty() { "   " } else { "│  " };
        for line in self.list_details(cause) {
            self.add(&format!("{trunk}{below}"), &line);
        }
        let Some((last, others)) = cause.children.split_last() else { return };
        for child in others {
            self.draw(child, &format!("{trunk}├─ "), &format!("{trunk}│  "));
        }
        self.draw(last, &format!("{trunk}└─ "), &format!("{trunk}   "));
    }

    fn add(&mut self, before: &str, line: &str) {
        self.text.push_str(before);
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn describe(&self, cause: &Shown) -> String {
        let subject = format!("{} {}", cause.kind, clean(&cause.name));
        let reason = clean(&cause.reason);
        let reason = match cause.state {
            _ if reason.is_empty() => String::new(),
            PROBLEM => format!(": {}", paint_bad(reason)),
            PROGRESSING | UNKNOWN => format!(": {}", paint_doubtful(reason)),
            _ => format!(": {reason}"),
        };
        let message = if cause.message.is_empty() { String::new() } else { format!(": {}", clean(&cause.message)) };
        let since = match cause.since {
            Some(since) if self.wide => format!(" (since {since})"),
            Some(since) => format!(" (for {})", format_age(since, self.now)),
            None => String::new(),
        };
        format!("{}{reason}{message}{since}", subject.trim_end())
    }

    fn list_details(&self, cause: &Shown) -> Vec<String> {
        let advises = !cause.remedy.is_empty() && (self.wide || cause.state != UNKNOWN);
        let advice = advises.then(|| format!("→ {}", clean(&cause.remedy)));
        advice.into_iter().chain(cause.log.iter().map(|line| format!("│ {}", clean(line)))).collect()
    }
}

/// The time since `since`, as `kubectl` writes ages.
fn format_age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(since.as_second()).max(0);
    match seconds {
        ..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Makes text of other programs harmless: a terminal obeys control characters, and characters that turn the direction of writing deceive.
fn clean(text: &str) -> String {
    let is_harmful = |one: char| {
        one.is_control() || matches!(one, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut cleaned = String::with_capacity(text.len());
    for one in text.chars() {
        if is_harmful(one) {
            cleaned.extend(one.escape_default());
        } else {
            cleaned.push(one);
        }
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;
    use anstream::adapter::strip_str;
    use tars_proto::controller::v1::{Cause, State};

    fn cause(kind: &str, name: &str, state: State, reason: &str, message: &str, children: Vec<Cause>) -> Cause {
        Cause {
            kind: kind.into(),
            name: name.into(),
            state: state.into(),
            reason: reason.into(),
            message: message.into(),
            children,
            ..Cause::default()
        }
    }

    fn server() -> Shown {
        let container = cause("Container", "demo-echo", State::Problem, "CrashLoopBackOff", "it ended with exit code 3", vec![]);
        let pods = vec![
            cause("Pod", "demo-echo-0", State::Problem, "ContainersNotReady", "Running on node a", vec![container]),
            cause("Pod", "", State::Unknown, "", "and 7 more", vec![]),
        ];
        let set = cause("StatefulSet", "demo-echo", State::Problem, "", "0 of 8 pods are ready", pods);
        let running = Cause {
            remedy: "Read the log.".into(),
            since: Some(prost_types::Timestamp { seconds: 100, nanos: 0 }),
            ..cause("Condition", "Running", State::Problem, "Crashing", "it crashes", vec![set])
        };
        let active = Cause {
            remedy: "See the condition `Running`.".into(),
            ..cause("Condition", "Active", State::Unknown, "NotRunning", "not all are up", vec![])
        };
        let mut server =
            Shown::of(cause("TServer", "demo-echo", State::Problem, "Crashing", "0 of 8 pods are ready", vec![running, active]));
        server.children[0].children[0].children[0].children[0].log = vec!["no port\u{1b}[2J left".into(), "bye".into()];
        server
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_tree_has_branches_advice_and_logs_without_control_characters() {
        let text = draw(&server(), at(400), false);
        let expected = "\
TServer demo-echo: Crashing: 0 of 8 pods are ready
├─ Condition Running: Crashing: it crashes (for 5m)
│  │  → Read the log.
│  └─ StatefulSet demo-echo: 0 of 8 pods are ready
│     ├─ Pod demo-echo-0: ContainersNotReady: Running on node a
│     │  └─ Container demo-echo: CrashLoopBackOff: it ended with exit code 3
│     │        │ no port\\u{1b}[2J left
│     │        │ bye
│     └─ Pod: and 7 more
└─ Condition Active: NotRunning: not all are up
";
        assert_eq!(strip_str(&text).to_string(), expected);
        assert!(text.contains("\u{1b}["), "the reasons have colours");
        let wide = strip_str(&draw(&server(), at(400), true)).to_string();
        assert!(wide.contains("(since 1970-01-01T00:01:40Z)") && wide.contains("   → See the condition `Running`."), "{wide}");
    }

    #[test]
    fn a_list_has_the_first_cause_of_each_server() {
        let well = Shown::of(cause("TServer", "demo-calm", State::Ok, "Ready", "1 of 1 pod is ready", vec![]));
        let table = list(&[server(), well], at(400));
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines[0], "NAME        REASON     SINCE   FIRST CAUSE");
        assert_eq!(lines[1], "demo-echo   Crashing           it crashes");
        assert_eq!(lines[2], "demo-calm   Ready              1 of 1 pod is ready");
    }

    #[test]
    fn ages_are_those_of_kubectl() {
        for (seconds, age) in [(0, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (172_800, "2d"), (-5, "0s")] {
            assert_eq!(format_age(at(1000), at(1000 + seconds)), age);
        }
    }

    #[test]
    fn json_has_every_member_that_a_script_needs() {
        let json = serde_json::to_value(server()).unwrap();
        assert_eq!(json["state"], "problem");
        assert_eq!(json["children"][0]["since"], "1970-01-01T00:01:40Z");
        assert_eq!(json["children"][0]["children"][0]["children"][0]["children"][0]["log"][1], "bye");
        assert!(json.get("place").is_none() && json.get("log").is_none());
    }
}
