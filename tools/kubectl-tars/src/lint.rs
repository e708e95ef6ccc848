//! `kubectl tars lint` (docs/reference/kubectl-tars.md#2).

use crate::{
    cluster::{Cluster, ClusterArgs, ClusterError},
    manifest::{Located, ReadError, parse, read_sources},
    output::{Format, OutputError, Verdict, paint_bad, paint_doubtful, write_structured},
    service::{Component, ServiceError, Token},
};
use clap::Args;
use jiff::Timestamp;
use kube::{
    Api,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde::Serialize;
use serde_json::Value;
use std::path::PathBuf;
use tars_common::{
    admission::Resource,
    lint::{Batch, Manifest, Severity},
    names::GROUP,
    version::Version,
};
use tars_proto::webhook::v1::{self as proto, LintRequest, admission_service_client::AdmissionServiceClient};

/// The account of the chart whose token a call shows.
const ACCOUNT: &str = "tars-view";

/// The command line.
#[derive(Debug, Args)]
#[command(after_help = "A number in brackets, such as [6.1.5], is the rule in docs/reference/admission.md.")]
pub struct LintArgs {
    /// Files or folders with manifests, separated by commas, - for standard input; may occur several times
    #[arg(short, long = "filename", value_name = "FILE", required = true, value_delimiter = ',')]
    files: Vec<PathBuf>,
    /// Also look in the folders below
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Ask the webhook of the cluster, which knows the objects that the manifests refer to. Without this option no cluster is needed, and
    /// what is not in the files is taken for granted
    #[arg(long)]
    live: bool,
    /// Fail because of warnings, too
    #[arg(long)]
    strict: bool,
    /// Form of the result
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Why manifests could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum LintError {
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The files have no object at all.
    #[error("there is nothing to judge; if a command before a pipe failed, set -o pipefail shows it")]
    Nothing,
    /// There is no cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The webhook cannot be called.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The webhook did not judge the manifests.
    #[error("the webhook of the cluster did not judge the manifests: {} ({:?})", .0.message(), .0.code())]
    Call(Box<tonic::Status>),
    /// The result cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// One thing that is wrong, at its place.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    file: String,
    line: u64,
    /// Kind and name; empty for a text that is not YAML.
    object: String,
    severity: &'static str,
    field: String,
    rule: String,
    problem: String,
    remedy: String,
}

/// The whole result.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    findings: Vec<Finding>,
    /// The objects that were judged.
    objects: usize,
    /// The objects of other groups, for which there are no rules.
    others: usize,
    /// What was taken for granted, because no cluster was looked at.
    assumed: Vec<String>,
    /// Live objects that could not be read, so that the manifest was judged as that of a new object.
    unread: Vec<String>,
}

/// A manifest of our group, and where it came from.
struct Entry {
    file: String,
    located: Located,
}

/// Judges the manifests of the command line.
pub async fn run(args: LintArgs, cluster: &ClusterArgs) -> Result<Verdict, LintError> {
    let mut report = Report::default();
    let entries = collect_entries(&args, &mut report)?;
    report.objects = entries.len();
    if entries.is_empty() && report.others == 0 && report.findings.is_empty() {
        return Err(LintError::Nothing);
    }
    if let Some(namespace) = &cluster.namespace {
        report.findings.extend(entries.iter().filter_map(|entry| entry.check_namespace(namespace)));
    }
    if args.live {
        judge_live(&entries, cluster, &mut report).await?;
    } else {
        judge_offline(&entries, cluster.local_namespace(), &mut report);
    }
    let order = |one: &Finding| (one.file.clone(), one.line);
    report.findings.sort_by_key(order);
    if !write_structured(args.output, &report)? {
        print_report(&report, args.output);
    }
    let fails = |one: &Finding| args.strict || one.severity == Severity::Error.as_str();
    Ok(if report.findings.iter().any(fails) { Verdict::Wrong } else { Verdict::Fine })
}

fn collect_entries(args: &LintArgs, report: &mut Report) -> Result<Vec<Entry>, LintError> {
    let mut entries = Vec::new();
    for source in read_sources(&args.files, args.recursive)? {
        match parse(&source.text) {
            Ok(objects) => {
                for located in objects {
                    let entry = Entry { file: source.name.clone(), located };
                    if is_ours(&entry.located.value) {
                        entries.push(entry);
                    } else {
                        report.others += 1;
                        report.findings.extend(entry.check_type());
                    }
                }
            }
            Err(fault) => report.findings.push(Finding {
                file: source.name,
                line: fault.line,
                object: String::new(),
                severity: Severity::Error.as_str(),
                field: String::new(),
                rule: String::new(),
                problem: fault.problem,
                remedy: fault.remedy,
            }),
        }
    }
    Ok(entries)
}

fn is_ours(object: &Value) -> bool {
    read(object, "/apiVersion").split('/').next() == Some(GROUP)
}

fn read<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl Entry {
    fn describe(&self) -> String {
        format!("{} {}", read(&self.located.value, "/kind").to_lowercase(), read(&self.located.value, "/metadata/name"))
    }

    /// Checks the type of an object that is not of our group: it may be meant to be.
    fn check_type(&self) -> Option<Finding> {
        let object = &self.located.value;
        let (api_version, kind) = (read(object, "/apiVersion"), read(object, "/kind"));
        for (field, text) in [("apiVersion", api_version), ("kind", kind)] {
            if text.is_empty() {
                let remedy = "write apiVersion and kind, such as apiVersion: k8s.tars.io/v1beta3 and kind: TServer";
                let problem = "an object needs a text here".to_owned();
                return Some(self.find(Severity::Error, field.to_owned(), String::new(), problem, remedy.to_owned()));
            }
        }
        Resource::of_kind(kind)?;
        let problem = format!("{kind} is a kind of {GROUP}, but this is {api_version:?}, so it is not judged");
        let remedy = format!("if it is meant to be a Tars object, write {}", Version::CURRENT.api_version());
        Some(self.find(Severity::Warning, "apiVersion".to_owned(), String::new(), problem, remedy))
    }

    /// Checks that the object is meant for the namespace of the command line.
    fn check_namespace(&self, namespace: &str) -> Option<Finding> {
        let own = read(&self.located.value, "/metadata/namespace");
        if own.is_empty() || own == namespace {
            return None;
        }
        let problem = format!("{own:?} is not the namespace {namespace:?} of the option -n, so kubectl apply -n refuses it");
        let remedy = "remove the field, or leave out -n".to_owned();
        Some(self.find(Severity::Error, "metadata.namespace".to_owned(), String::new(), problem, remedy))
    }

    fn find(&self, severity: Severity, field: String, rule: String, problem: String, remedy: String) -> Finding {
        let line = self.located.find_line(&field);
        let (file, object) = (self.file.clone(), self.describe());
        Finding { file, line, object, severity: severity.as_str(), field, rule, problem, remedy }
    }
}

/// Judges by the rules of this program. What the manifests refer to is taken for granted.
fn judge_offline(entries: &[Entry], namespace: &str, report: &mut Report) {
    let manifests = entries.iter().map(|entry| Manifest { object: entry.located.value.clone(), live: Value::Null });
    let batch = Batch::new(manifests.collect(), namespace, Timestamp::now());
    let mut assumed = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let facts = batch.assume(index, &mut assumed);
        report.findings.extend(
            batch
                .judge(index, facts)
                .into_iter()
                .map(|one| entry.find(one.severity, one.field, one.rule.to_owned(), one.problem, one.remedy)),
        );
    }
    report.assumed = assumed.into_iter().map(|assumption| assumption.0).collect();
}

/// Judges by the rules of the cluster, with the objects that it has.
async fn judge_live(entries: &[Entry], args: &ClusterArgs, report: &mut Report) -> Result<(), LintError> {
    let cluster = args.connect().await?;
    let webhook = Component::webhook(&args.system_namespace);
    let mut manifests = Vec::with_capacity(entries.len());
    for entry in entries {
        let live = read_live(&cluster, &entry.located.value, report).await;
        let live = live.map(|live| live.to_string()).unwrap_or_default();
        manifests.push(proto::Manifest { object: entry.located.value.to_string(), live });
    }
    let authorities = webhook.read_authorities(&cluster.client).await?;
    let pods = webhook.list_pods(&cluster.client).await?;
    let token = Token::request(&cluster.client, &webhook.namespace, ACCOUNT).await?;
    // The list has at least one pod.
    let pod = pods.first().map_or("", String::as_str);
    let channel = webhook.connect(&cluster.client, pod, &authorities).await?;
    let request = token.carry(LintRequest { namespace: cluster.namespace, manifests });
    let answer = AdmissionServiceClient::new(channel).lint(request).await.map_err(|status| LintError::Call(Box::new(status)))?;
    for one in answer.into_inner().findings {
        let severity = if one.severity() == proto::Severity::Warning { Severity::Warning } else { Severity::Error };
        let Some(entry) = usize::try_from(one.manifest).ok().and_then(|index| entries.get(index)) else { continue };
        report.findings.push(entry.find(severity, one.field, one.rule, one.problem, one.remedy));
    }
    Ok(())
}

/// Reads the object of this name with the rights of the user. `None` if there is none, or if it cannot be read.
async fn read_live(cluster: &Cluster, object: &Value, report: &mut Report) -> Option<Value> {
    let (kind, name) = (read(object, "/kind"), read(object, "/metadata/name"));
    let (resource, version) = (Resource::of_kind(kind)?, Version::parse(read(object, "/apiVersion"))?);
    if name.is_empty() {
        return None;
    }
    let own = read(object, "/metadata/namespace");
    let namespace = if own.is_empty() { &cluster.namespace } else { own };
    let resource = ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk(GROUP, version.as_str(), kind),
        &format!("{}s", resource.as_str()),
    );
    let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), namespace, &resource);
    match api.get_opt(name).await {
        Ok(live) => live.and_then(|live| serde_json::to_value(live).ok()),
        Err(error) => {
            report.unread.push(format!("{} {namespace}/{name}: {error}", kind.to_lowercase()));
            None
        }
    }
}

fn print_report(report: &Report, format: Format) {
    for one in &report.findings {
        let severity =
            if one.severity == Severity::Error.as_str() { paint_bad(one.severity) } else { paint_doubtful(one.severity) };
        let object = if format == Format::Wide && !one.object.is_empty() { format!("{}: ", one.object) } else { String::new() };
        let field = if one.field.is_empty() { String::new() } else { format!("{}: ", one.field) };
        let remedy = if one.remedy.is_empty() { String::new() } else { format!("; {}", one.remedy) };
        let rule = if one.rule.is_empty() { String::new() } else { format!(" [{}]", one.rule) };
        anstream::println!("{}:{}: {severity}: {object}{field}{}{remedy}{rule}", one.file, one.line, one.problem);
    }
    let count = |severity: Severity| report.findings.iter().filter(|one| one.severity == severity.as_str()).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    anstream::eprintln!(
        "{} judged: {}, {}",
        number(report.objects, "object"),
        number(errors, "error"),
        number(warnings, "warning")
    );
    if report.others > 0 {
        anstream::eprintln!("{} not of {GROUP} left out", number(report.others, "object"));
    }
    for one in &report.unread {
        anstream::eprintln!("judged as a new object, because the live one cannot be read: {one}");
    }
    if !report.assumed.is_empty() {
        anstream::eprintln!("taken for granted without a cluster (--live looks):");
        for one in &report.assumed {
            anstream::eprintln!("  {one}");
        }
    }
}

fn number(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
