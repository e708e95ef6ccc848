//! The fault sweep: every write and every watch event of every story meets every fault. Whatever happens, the story must end as it does
//! without faults, no pod ends that would not end otherwise, nothing of somebody else is taken, and at the end nothing is written any more.
//!
//! ```text
//! stories ──► stage (the whole controller, the clock paused) ──► outcome ──► judge
//!                 ▲                     ▲
//!      kubernetes (workloads, garbage)  troubles: one of each write × fault, event × twist; then pairs by chance
//! ```
//!
//! `make sweep` runs all of it. The tests of the crate run a selection. Environment variables: `SWEEP_PLANS` is the number of plans,
//! `SWEEP_SEED` chooses the selection and the pairs, `SWEEP_ONLY` runs the plans whose description contains this text and
//! prints what happened, and `SWEEP_FIRST` ends the run with the first divergence.

mod chains;
mod dice;
mod kubernetes;
mod stage;
mod stories;

use self::{
    chains::try_chain,
    dice::Dice,
    stage::{Outcome, play},
    stories::{Nature, Story},
};
use crate::engine::fake::faults::{Fault, Trouble, Twist};
use std::{
    collections::BTreeMap,
    env, fmt,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

/// How many plans the tests of the crate run.
const SELECTION: usize = 400;

/// A story and what goes wrong in it.
struct Plan<'a> {
    story: &'a Story,
    reference: &'a Outcome,
    troubles: Vec<Trouble>,
}

impl fmt::Display for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.story.name)?;
        self.troubles.iter().try_for_each(|trouble| write!(f, " / {trouble}"))
    }
}

fn run_story(story: &Story, troubles: &[Trouble]) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(play(story, troubles))
}

/// Everything that can go wrong once in a run such as `reference`.
fn list_troubles(story: &Story, reference: &Outcome) -> Vec<Trouble> {
    let script = &reference.world.script;
    let mut troubles = Vec::new();
    for (what, nth, has_next) in &script.sent {
        for fault in Fault::ALL.into_iter().filter(|fault| *has_next || *fault != Fault::Overtaken) {
            troubles.push(Trouble::Write { what: what.clone(), nth: *nth, fault });
        }
    }
    for (path, nth) in &script.delivered {
        let twists = Twist::ALL.into_iter().filter(|twist| story.nature != Nature::Historic || *twist != Twist::Restored);
        troubles.extend(twists.map(|twist| Trouble::Event { path: path.clone(), nth: *nth, twist }));
    }
    troubles
}

/// The first thing in `outcome` that must not be.
fn judge(plan: &Plan, outcome: &Outcome) -> Option<String> {
    let reference = plan.reference;
    if !outcome.rested {
        return Some(format!("it never comes to rest: {:#?}", outcome.world.writes.iter().rev().take(6).collect::<Vec<_>>()));
    }
    if let Some(difference) = find_difference(&reference.end, &outcome.end) {
        return Some(format!("another end: {difference}"));
    }
    if !outcome.writes_at_rest.is_empty() {
        return Some(format!("writes at rest: {:?}", outcome.writes_at_rest));
    }
    if let Some(record) = outcome.repeated_exits().first() {
        return Some(format!("a pod is twice in {record}"));
    }
    if let Some(object) = outcome.seized().first() {
        return Some(format!("an object of somebody else was taken: {object}"));
    }
    if plan.story.nature != Nature::Meddled && plan.troubles.iter().all(keeps_the_story) {
        let counts = |outcome: &Outcome| [outcome.rollouts(), outcome.pods_ended(), outcome.objects_gone()];
        let (now, before) = (counts(outcome), counts(reference));
        if now.iter().zip(before).any(|(now, before)| *now > before) {
            return Some(format!("[rollouts, pods that ended, objects that are gone] are {now:?} instead of {before:?}"));
        }
    }
    None
}

/// Whether people and Kubernetes do the same as without the trouble.
fn keeps_the_story(trouble: &Trouble) -> bool {
    !matches!(trouble, Trouble::Write { fault: Fault::Overtaken, .. } | Trouble::Event { twist: Twist::Restored, .. })
}

fn find_difference(wanted: &BTreeMap<String, serde_json::Value>, found: &BTreeMap<String, serde_json::Value>) -> Option<String> {
    let paths = wanted.keys().chain(found.keys());
    let show = |object: Option<&serde_json::Value>| object.map_or_else(|| "absent".to_owned(), ToString::to_string);
    paths
        .map(|path| (path, wanted.get(path), found.get(path)))
        .find(|(_, wanted, found)| wanted != found)
        .map(|(path, wanted, found)| format!("{path}\n  wanted {}\n  found  {}", show(wanted), show(found)))
}

/// Chooses `count` plans: each single trouble once, then pairs; fewer single troubles if there are more than `count`.
fn choose_plans<'a>(references: &'a [(Story, Outcome)], count: usize, dice: &mut Dice) -> Vec<Plan<'a>> {
    let troubles: Vec<Vec<Trouble>> = references.iter().map(|(story, reference)| list_troubles(story, reference)).collect();
    let plan = |index: usize, troubles| Plan { story: &references[index].0, reference: &references[index].1, troubles };
    let singles =
        troubles.iter().enumerate().flat_map(|(index, troubles)| troubles.iter().map(move |one| (index, vec![one.clone()])));
    let mut plans: Vec<Plan> = singles.map(|(index, one)| plan(index, one)).collect();
    for last in (1..plans.len()).rev() {
        plans.swap(last, dice.roll(last + 1));
    }
    while plans.len() < count {
        let index = dice.roll(troubles.len());
        let mut draw = || troubles[index][dice.roll(troubles[index].len())].clone();
        plans.push(plan(index, vec![draw(), draw()]));
    }
    plans.truncate(count);
    plans
}

/// Tries the numbers below `count` on all cores. Returns what `find_fault` finds; only the first faults if `SWEEP_FIRST` is set.
fn try_all(count: usize, find_fault: impl Fn(usize) -> Option<String> + Sync) -> Vec<String> {
    let first = env::var_os("SWEEP_FIRST").is_some();
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while !first || faults.lock().unwrap().is_empty() {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return;
            }
            if let Some(fault) = find_fault(index) {
                faults.lock().unwrap().push(fault);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    faults.into_inner().unwrap()
}

fn read_number(name: &str) -> Option<usize> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn whatever_goes_wrong_each_story_ends_as_it_should() {
    let played = |story: Story| {
        let outcome = run_story(&story, &[]);
        (story, outcome)
    };
    let references: Vec<(Story, Outcome)> = stories::tell().into_iter().map(played).collect();
    for (story, reference) in &references {
        let plan = Plan { story, reference, troubles: Vec::new() };
        if let Some(what) = judge(&plan, reference) {
            panic!("the story {plan} does not end as it should although nothing goes wrong: {what}");
        }
    }
    let singles: usize = references.iter().map(|(story, reference)| list_troubles(story, reference).len()).sum();
    let only = env::var("SWEEP_ONLY").ok().filter(|text| !text.is_empty());
    let count = if only.is_some() { singles } else { read_number("SWEEP_PLANS").unwrap_or(SELECTION) };
    let seed = read_number("SWEEP_SEED").unwrap_or(1);
    let mut plans = choose_plans(&references, count, &mut Dice::new(u64::try_from(seed).unwrap()));
    plans.retain(|plan| only.as_ref().is_none_or(|text| plan.to_string().contains(text)));

    let (began, met) = (Instant::now(), AtomicUsize::new(0));
    let divergences = try_all(plans.len(), |index| {
        let plan = &plans[index];
        let outcome = run_story(plan.story, &plan.troubles);
        met.fetch_add(usize::from(outcome.met > 0), Ordering::Relaxed);
        let what = judge(plan, &outcome)?;
        if only.is_some() {
            outcome.world.print_history();
        }
        Some(format!("{plan}: {what}"))
    });
    let met = met.into_inner();
    println!(
        "{} plans of {singles} single troubles and pairs (seed {seed}) in {:.1} s; a trouble happened in {met}; {} diverged",
        plans.len(),
        began.elapsed().as_secs_f64(),
        divergences.len()
    );
    assert!(divergences.is_empty(), "{} of {} plans diverged:\n{}", divergences.len(), plans.len(), divergences.join("\n"));
    assert!(met * 10 >= plans.len() * 9, "the troubles of only {met} of {} plans happened", plans.len());
}

/// How many chains the tests of the crate try.
const CHAINS: usize = 60;

#[test]
fn whatever_a_server_was_before_it_becomes_what_is_wanted_last() {
    let (count, seed) = (read_number("SWEEP_CHAINS").unwrap_or(CHAINS), read_number("SWEEP_SEED").unwrap_or(1));
    let began = Instant::now();
    let divergences = try_all(count, |index| {
        let chain = seed * 1_000_000 + index;
        Some(format!("chain {chain}: {}", try_chain(u64::try_from(chain).unwrap())?))
    });
    println!("{count} chains of changes (seed {seed}) in {:.1} s; {} diverged", began.elapsed().as_secs_f64(), divergences.len());
    assert!(divergences.is_empty(), "{} of {count} chains diverged:\n{}", divergences.len(), divergences.join("\n"));
}
