//! Checks of the spec and of the derived objects: rules, names, templates, release.

use super::{input::Input, verdict::Verdict};
use crate::tserver::{apply, defaults::Defaults, old_pods::find_old_pods, reason::Reason};
use tars_common::{
    derived::DerivedKind,
    names::{FRAMEWORK_CONFIG, PLACEHOLDER_IMAGE},
    templates::{ChainError, LONGEST_CHAIN},
    v1beta3::SubType,
};

/// How many faults a message lists. People read only its beginning, and the API server limits it to 32 KiB.
const PROBLEMS_SHOWN: usize = 5;

pub fn find_invalid_spec(input: &Input<'_>) -> Option<Verdict> {
    if input.problems.is_empty() {
        return None;
    }
    let mut text: Vec<String> = input.problems.iter().take(PROBLEMS_SHOWN).map(ToString::to_string).collect();
    if let Some(more) = input.problems.len().checked_sub(PROBLEMS_SHOWN).filter(|more| *more > 0) {
        text.push(format!("and {more} more"));
    }
    Some(Verdict::violated(Reason::InvalidSpec, text.join("; ")))
}

pub fn find_foreign_object(input: &Input<'_>) -> Option<Verdict> {
    let foreign = input.failures.iter().find(|failure| matches!(failure, apply::Error::Foreign { .. }))?;
    Some(Verdict::violated(Reason::OutControl, format!("{foreign}; delete or rename that object, or the TServer")))
}

pub fn find_failed_write(input: &Input<'_>) -> Option<Verdict> {
    let failure = input.failures.first()?;
    let reason = match failure {
        failure if failure.is_expected() => Reason::Replacing,
        failure if failure.is_refusal() => Reason::Refused,
        _ => Reason::ApplyFailed,
    };
    let what_next = match reason {
        Reason::Refused => "; correct the field of the TServer that the refused value comes from",
        _ => "; trying again",
    };
    Some(Verdict::violated(reason, format!("{failure}{what_next}")))
}

pub fn find_reported_failure(input: &Input<'_>) -> Option<Verdict> {
    input.reported.clone()
}

/// A number of pods that the bounds change is no fault, but whoever set it looks for it here. Earlier defaults are none either.
pub fn describe_objects(input: &Input<'_>) -> (Reason, String) {
    let Input { defaults, key, .. } = input;
    let older = if *defaults < Defaults::NEWEST {
        format!(
            "; its pods have the defaults {defaults} of an earlier version, and get the newest ({}) with the next change of the pods, or by kubectl tars refresh -n {} {}",
            Defaults::NEWEST,
            key.namespace,
            key.name
        )
    } else {
        String::new()
    };
    let bounded = input.replicas.explain().filter(|_| !input.spec.k8s.daemon_set);
    let bounded = bounded.map(|why| format!("; {why}")).unwrap_or_default();
    let lacking =
        input.around.live.get(DerivedKind::StatefulSet).map(|set| find_old_pods(set, &input.around.pods)).unwrap_or_default();
    let lacking = match lacking.as_slice() {
        [] => String::new(),
        [first, ..] => format!(
            "; {} of its pods lack a volume that was added, and are replaced one after the other ({} is next)",
            lacking.len(),
            first.name
        ),
    };
    (Reason::UpToDate, format!("every derived object is as it should be{bounded}{older}{lacking}"))
}

pub fn find_incomplete_template(input: &Input<'_>) -> Option<Verdict> {
    let namespace = &input.key.namespace;
    let (reason, message) = match input.around.template_error.as_ref()? {
        ChainError::Missing { name, child: None } => (
            Reason::TemplateMissing,
            format!(
                "template {name:?} not found among the TTemplates of namespace {namespace}; create it or correct spec.tars.template"
            ),
        ),
        ChainError::Missing { name, child: Some(child) } => (
            Reason::TemplateMissing,
            format!(
                "template {name:?}, the parent of {child:?}, not found among the TTemplates of namespace {namespace}; create it or correct spec.parent of {child:?}"
            ),
        ),
        ChainError::Cycle { path } => (
            Reason::TemplateCycle,
            format!(
                "templates of namespace {namespace} name each other as parents ({}); give one of them its own name as spec.parent",
                path.join(" → ")
            ),
        ),
        ChainError::TooLong { first } => (
            Reason::TemplateChainTooLong,
            format!(
                "template {first:?} of namespace {namespace} has a chain of parents of more than {LONGEST_CHAIN} templates; shorten it"
            ),
        ),
    };
    Some(Verdict::violated(reason, message))
}

pub fn describe_template(input: &Input<'_>) -> (Reason, String) {
    match &input.spec.tars {
        Some(tars) => (Reason::TemplateFound, format!("template {:?} and its parents exist", tars.template)),
        None => (Reason::NoTemplate, "a server without a tars block uses no template".to_owned()),
    }
}

pub fn find_missing_release(input: &Input<'_>) -> Option<Verdict> {
    if input.spec.release.is_some() {
        return None;
    }
    let message = "the server has no release; set spec.release (id and image) and spec.k8s.replicas in the same write";
    Some(Verdict::violated(Reason::NotReleased, message.to_owned()))
}

pub fn find_unknown_node_image(input: &Input<'_>) -> Option<Verdict> {
    if input.spec.sub_type != SubType::Tars {
        return None;
    }
    let stated = input.spec.release.as_ref().and_then(|release| release.node_image.as_deref());
    let default = input.around.framework.as_ref().map(|framework| framework.node_image.as_str());
    if [stated, default].into_iter().flatten().any(|image| !image.is_empty() && image != PLACEHOLDER_IMAGE) {
        return None;
    }
    let message = format!(
        "neither spec.release.nodeImage nor TFrameworkConfig {}/{FRAMEWORK_CONFIG} names an image of tarsnode; install the framework in this namespace, or state the image; a workload that exists keeps its image",
        input.key.namespace
    );
    Some(Verdict::violated(Reason::NodeImageUnknown, message))
}

pub fn describe_release(input: &Input<'_>) -> (Reason, String) {
    let id = input.spec.release.as_ref().map_or("", |release| &release.id);
    (Reason::ReleaseSet, format!("release {id} is set"))
}
