use super::*;

const ECHO: &str = "Demo.Echo.EchoObjAdapter";
const ADMIN: &str = "AdminAdapter";

/// A machine with a clock that the test moves.
struct Story {
    machine: Machine,
    now: Instant,
}

impl Story {
    fn new() -> Self {
        Self::with(Liveness::Heartbeats)
    }

    fn with(liveness: Liveness) -> Self {
        let now = Instant::now();
        Self { machine: Machine::new(liveness, now), now }
    }

    /// A server that runs as process 7 and is active.
    fn active() -> Self {
        let mut story = Self::new();
        story.launch();
        assert_eq!(story.beat(""), [report(Setting::Active, ServerState::Active, 7)]);
        story
    }

    fn launch(&mut self) {
        assert_eq!(self.after(0, Event::Tick), [Action::Prepare, report(Setting::Active, ServerState::Inactive, -1)]);
        assert_eq!(self.after(0, prepared()), [Action::Spawn]);
        assert_eq!(self.after(0, Event::Spawned(Ok(7))), [report(Setting::Active, ServerState::Activating, 7)]);
    }

    fn after(&mut self, seconds: u64, event: Event) -> Vec<Action> {
        self.now += Duration::from_secs(seconds);
        self.machine.handle(self.now, event)
    }

    fn beat(&mut self, adapter: &str) -> Vec<Action> {
        self.after(0, Event::KeepAlive(Beat { pid: Some(7), adapter: adapter.to_owned() }))
    }

    /// Patrols once a second for so many seconds, and returns all actions.
    fn wait(&mut self, seconds: u64) -> Vec<Action> {
        (0..seconds).flat_map(|_| self.after(1, Event::Tick)).collect()
    }
}

fn prepared() -> Event {
    Event::Prepared(Ok(Watch { adapters: vec![ADMIN.to_owned(), ECHO.to_owned()], timeout: Duration::from_mins(1) }))
}

fn report(setting: Setting, present: ServerState, pid: i32) -> Action {
    Action::Report(Report { setting, present, pid, crash: None })
}

/// The report of a server whose process ended by itself.
fn crashed(present: ServerState, pid: i32, exit: Exit, times: u32, last_line: &str) -> Action {
    let crash = Some(Crash { exit, times, last_line: last_line.to_owned() });
    Action::Report(Report { setting: Setting::Active, present, pid, crash })
}

fn exited(exit: Exit) -> Event {
    exited_after(exit, "")
}

fn exited_after(exit: Exit, last_line: &str) -> Event {
    Event::Exited { pid: 7, exit, successor: None, last_line: last_line.to_owned() }
}

fn alarm(text: &str) -> Action {
    Action::Alarm(text.to_owned())
}

const ACTIVE: Report = Report { setting: Setting::Active, present: ServerState::Active, pid: 7, crash: None };

#[test]
fn a_launched_server_is_activating_until_its_first_heartbeat() {
    Story::active();
}

#[test]
fn heartbeats_keep_a_server_active_without_further_reports() {
    let mut story = Story::active();
    for _ in 0..40 {
        assert_eq!(story.wait(10), []);
        assert_eq!(story.beat(ECHO), []);
        assert_eq!(story.beat(ADMIN), []);
    }
}

#[test]
fn the_state_is_reported_every_seven_minutes() {
    let mut story = Story::active();
    let mut reports = 0;
    for _ in 0..840 {
        reports += story.wait(1).len();
        story.beat("");
    }
    assert_eq!(reports, 2);
}

#[test]
fn one_silent_adapter_gets_the_process_restarted() {
    let mut story = Story::active();
    assert_eq!(story.wait(60), []);
    story.beat(ECHO);
    assert_eq!(
        story.wait(1),
        [
            alarm("[alarm] heartbeat overtime, will restart process"),
            report(Setting::Active, ServerState::Deactivating, 7),
            Action::AskToStop(7),
        ]
    );
    assert_eq!(
        story.after(1, exited(Exit::Code(0))),
        [alarm("[alarm] server exit with code 0"), report(Setting::Active, ServerState::Inactive, -1), Action::Prepare]
    );
}

#[test]
fn an_adapter_that_was_not_in_the_configuration_is_watched_once_it_beats() {
    let mut story = Story::active();
    story.beat("Demo.Echo.ExtraObjAdapter");
    story.wait(50);
    story.beat(ECHO);
    story.beat(ADMIN);
    assert_eq!(story.wait(11).first(), Some(&alarm("[alarm] heartbeat overtime, will restart process")));
}

#[test]
fn a_server_that_never_beats_is_restarted_after_the_timeout() {
    let mut story = Story::new();
    story.launch();
    assert_eq!(story.wait(60), []);
    assert_eq!(story.wait(1).first(), Some(&alarm("[alarm] heartbeat overtime, will restart process")));
}

#[test]
fn a_server_without_tars_counts_as_active_while_its_process_lives() {
    let mut story = Story::with(Liveness::Process);
    story.launch();
    assert_eq!(story.wait(2), [report(Setting::Active, ServerState::Active, 7)]);
    assert_eq!(story.wait(400), []);
    assert!(story.after(0, exited(Exit::Signal(11))).contains(&crashed(ServerState::Inactive, -1, Exit::Signal(11), 1, "")));
}

#[test]
fn a_crash_is_reported_at_once_and_relaunched_thirty_seconds_after_the_last_launch() {
    let mut story = Story::active();
    story.wait(12);
    assert_eq!(
        story.after(0, exited(Exit::Signal(11))),
        [alarm("[alarm] server exit with signal 11"), crashed(ServerState::Inactive, -1, Exit::Signal(11), 1, "")]
    );
    assert_eq!(story.wait(17), []);
    assert_eq!(story.wait(1), [Action::Prepare]);
}

#[test]
fn the_ends_of_a_process_are_told_and_counted_until_the_server_works() {
    let mut story = Story::new();
    story.launch();
    let told = |present, pid, times| crashed(present, pid, Exit::Code(1), times, "cannot bind");
    assert_eq!(story.after(1, exited_after(Exit::Code(1), "cannot bind")).last(), Some(&told(ServerState::Inactive, -1, 1)));
    assert_eq!(story.wait(29), [Action::Prepare]);
    story.after(0, prepared());
    assert_eq!(story.after(0, Event::Spawned(Ok(7))), [told(ServerState::Activating, 7, 1)], "the condition does not waver");
    assert_eq!(story.after(1, exited_after(Exit::Code(1), "cannot bind")).last(), Some(&told(ServerState::Inactive, -1, 2)));
    story.wait(29);
    story.after(0, prepared());
    story.after(0, Event::Spawned(Ok(7)));
    assert_eq!(story.beat(""), [Action::Report(ACTIVE)]);
    assert_eq!(story.after(1, exited_after(Exit::Code(1), "cannot bind")).last(), Some(&told(ServerState::Inactive, -1, 3)));
    assert_eq!(story.after(1, Event::Start), [Action::Prepare]);
    story.after(0, prepared());
    assert_eq!(story.after(0, Event::Spawned(Ok(7))), [report(Setting::Active, ServerState::Activating, 7)], "a new start");
}

#[test]
fn the_end_of_a_process_is_told_in_words() {
    let crash = |exit, times, last_line: &str| Crash { exit, times, last_line: last_line.into() }.to_string();
    assert_eq!(crash(Exit::Signal(9), 1, ""), "ended by signal 9 (once)");
    assert_eq!(crash(Exit::Code(1), 4, "port\t80 is \"taken\""), r#"ended with code 1 (4 times): "port\t80 is \"taken\"""#);
}

#[test]
fn an_orphan_that_ends_changes_nothing() {
    let mut story = Story::active();
    assert_eq!(story.after(1, Event::Exited { pid: 8, exit: Exit::Code(0), successor: None, last_line: String::new() }), []);
    assert_eq!(story.machine.process(), Some(7));
}

#[test]
fn a_server_that_goes_into_the_background_is_followed() {
    let mut story = Story::active();
    story.after(0, Event::KeepAlive(Beat { pid: Some(9), adapter: String::new() }));
    assert_eq!(story.machine.beating(), Some(9));
    assert_eq!(story.after(0, Event::Exited { pid: 7, exit: Exit::Code(0), successor: Some(9), last_line: String::new() }), []);
    assert_eq!(story.machine.process(), Some(9));
    assert!(
        story
            .after(0, Event::Exited { pid: 9, exit: Exit::Code(1), successor: None, last_line: String::new() })
            .contains(&alarm("[alarm] server exit with code 1"))
    );
}

#[test]
fn a_failing_preparation_is_repeated_ever_slower_and_alarmed_once() {
    let mut story = Story::new();
    let failed = || Event::Prepared(Err("[alarm] get null RegistryProxy".to_owned()));
    story.after(0, Event::Tick);
    assert_eq!(story.after(0, failed()), [alarm("[alarm] get null RegistryProxy")]);
    for pause in [1, 2, 4, 5, 5] {
        assert_eq!(story.wait(pause - 1), []);
        assert_eq!(story.wait(1), [Action::Prepare]);
        assert_eq!(story.after(0, failed()), []);
    }
}

#[test]
fn a_program_that_cannot_be_started_leaves_the_server_inactive() {
    let mut story = Story::new();
    story.after(0, Event::Tick);
    story.after(0, prepared());
    assert_eq!(story.after(0, Event::Spawned(Err("no such file".to_owned()))), [alarm("no such file")]);
    assert_eq!(story.wait(1), [Action::Prepare]);
}

#[test]
fn keep_activing_takes_an_active_server_back() {
    let mut story = Story::active();
    let beat = Beat { pid: None, adapter: String::new() };
    assert_eq!(story.after(1, Event::KeepActiving(beat.clone())), [report(Setting::Active, ServerState::Activating, 7)]);
    assert_eq!(story.after(5, Event::KeepActiving(beat)), []);
    assert_eq!(story.beat(""), [Action::Report(ACTIVE)]);
}

#[test]
fn a_stopped_server_stays_away_until_it_is_started() {
    let mut story = Story::active();
    assert_eq!(story.after(1, Event::Stop), [report(Setting::Inactive, ServerState::Deactivating, 7), Action::AskToStop(7)]);
    assert_eq!(
        story.after(1, exited(Exit::Code(0))),
        [alarm("[alarm] server exit with code 0"), report(Setting::Inactive, ServerState::Inactive, -1)]
    );
    assert_eq!(story.wait(60), []);
    assert_eq!(story.after(0, Event::Start), [Action::Prepare]);
}

#[test]
fn stopping_what_does_not_run_reports_it_as_inactive() {
    let mut story = Story::new();
    assert_eq!(story.after(0, Event::Stop), [report(Setting::Inactive, ServerState::Inactive, -1)]);
    assert!(!story.wait(5).contains(&Action::Prepare));
}

#[test]
fn a_stop_during_the_preparation_wins() {
    let mut story = Story::new();
    story.after(0, Event::Tick);
    story.after(0, Event::Stop);
    assert_eq!(story.after(0, prepared()), []);
    assert_eq!(story.after(0, Event::Start), [Action::Prepare]);
}

#[test]
fn a_restart_does_not_wait_for_the_launch_gap() {
    let mut story = Story::active();
    assert_eq!(story.after(1, Event::Restart), [report(Setting::Active, ServerState::Deactivating, 7), Action::AskToStop(7)]);
    assert_eq!(story.after(1, exited(Exit::Code(0))).last(), Some(&Action::Prepare));
}

#[test]
fn a_start_while_stopping_is_honoured_when_the_old_process_is_gone() {
    let mut story = Story::active();
    story.after(1, Event::Stop);
    assert_eq!(story.after(1, Event::Start), []);
    assert_eq!(story.wait(7), []);
    assert_eq!(story.after(0, exited(Exit::Code(0))).last(), Some(&Action::Prepare));
}

#[test]
fn a_process_that_ignores_the_request_is_killed_after_ten_seconds_even_if_it_beats() {
    let mut story = Story::active();
    story.after(0, Event::Stop);
    for _ in 0..9 {
        assert_eq!(story.wait(1), []);
        assert_eq!(story.beat(""), []);
        assert_eq!(story.after(0, Event::Stop), []);
    }
    assert_eq!(story.wait(1), [Action::Kill(7)]);
    assert_eq!(story.wait(2), []);
    assert_eq!(
        story.wait(1),
        [alarm("[alarm] after sending a SIGKILL to the process, the process still exists"), Action::End(255)]
    );
}

#[test]
fn the_end_of_the_pod_takes_the_server_out_of_service_first() {
    let mut story = Story::active();
    assert_eq!(story.after(1, Event::Terminate), [report(Setting::Inactive, ServerState::Deactivating, 7), Action::AskToStop(7)]);
    assert_eq!(story.after(0, Event::Terminate), []);
    assert_eq!(story.after(0, Event::Start), []);
    assert_eq!(
        story.after(2, exited(Exit::Code(0))),
        [alarm("[alarm] server exit with code 0"), report(Setting::Inactive, ServerState::Inactive, -1), Action::End(0)]
    );
}

#[test]
fn a_pod_without_process_ends_at_once() {
    let mut story = Story::new();
    assert_eq!(story.after(0, Event::Terminate), [report(Setting::Inactive, ServerState::Inactive, -1), Action::End(0)]);
}

#[test]
fn the_end_of_the_pod_during_a_restart_withdraws_readiness_and_does_not_start_again() {
    let mut story = Story::active();
    story.after(0, Event::Restart);
    assert_eq!(story.after(1, Event::Terminate), [report(Setting::Inactive, ServerState::Deactivating, 7)]);
    assert_eq!(story.after(1, exited(Exit::Code(0))).last(), Some(&Action::End(0)));
}

#[test]
fn a_heartbeat_without_a_process_is_ignored() {
    let mut story = Story::new();
    assert_eq!(story.beat(""), []);
}
