//! `AdmissionService`: judges manifests before they are applied, and reports on certificates (docs/reference/kubectl-tars.md).

use crate::{
    keeper::{Report, State},
    lookup::{Lookup, LookupError},
};
use jiff::Timestamp;
use prost_types::Timestamp as ProtoTimestamp;
use serde_json::Value;
use std::time::Duration;
use tars_common::{
    admission::Facts,
    kube_syntax::is_dns_label,
    lint::{self, Batch},
};
use tars_kit::{auth::Access, keeper::Description};
use tars_proto::webhook::v1::{
    Carrier, CarrierState, Certificate, CertificateStatusRequest, CertificateStatusResponse, Finding, LintRequest, LintResponse,
    Severity, admission_service_server::AdmissionService,
};
use tokio::{
    sync::{Semaphore, watch},
    task::spawn_blocking,
};
use tonic::{Request, Response, Status};

/// What a caller needs for each function.
pub const ACCESS: [(&str, Access); 2] = [
    ("/tars.webhook.v1.AdmissionService/Lint", Access::Get),
    ("/tars.webhook.v1.AdmissionService/CertificateStatus", Access::Get),
];

/// The greatest number of manifests in one call.
const MOST_MANIFESTS: usize = 500;
/// Calls of Lint at the same time. Each may hold some MiB and ask the API server for a while; reviews come first.
const LINTS: usize = 2;
/// The limit for all questions of one call to the API server.
const LOOKUPS: Duration = Duration::from_secs(30);

/// The implementation of `AdmissionService`.
pub struct Admission {
    lookup: Lookup,
    reports: watch::Receiver<Option<Report>>,
    lints: Semaphore,
}

impl Admission {
    pub fn new(lookup: Lookup, reports: watch::Receiver<Option<Report>>) -> Self {
        Self { lookup, reports, lints: Semaphore::new(LINTS) }
    }

    async fn gather_facts(&self, batch: &Batch) -> Result<Vec<Facts>, LookupError> {
        let mut all = Vec::with_capacity(batch.len());
        for index in 0..batch.len() {
            all.push(match batch.list_queries(index) {
                Some((namespace, name, queries)) => self.lookup.gather_facts(namespace, name, queries).await?,
                None => Facts::default(),
            });
        }
        Ok(all)
    }
}

#[tonic::async_trait]
impl AdmissionService for Admission {
    async fn lint(&self, request: Request<LintRequest>) -> Result<Response<LintResponse>, Status> {
        let busy = |_| Status::resource_exhausted("this replica is judging other manifests; call again");
        let _place = self.lints.try_acquire().map_err(busy)?;
        let batch = read_batch(request.into_inner())?;
        let late = |_| {
            Status::unavailable(format!("the API server did not answer all questions in {} s; call again", LOOKUPS.as_secs()))
        };
        let facts = tokio::time::timeout(LOOKUPS, self.gather_facts(&batch)).await.map_err(late)?;
        let facts = facts.map_err(|error| Status::unavailable(error.to_string()))?;
        // Passwords are hashed on the way, which takes milliseconds each.
        let findings = spawn_blocking(move || judge_all(&batch, facts)).await;
        Ok(Response::new(LintResponse { findings: findings.map_err(|error| Status::internal(error.to_string()))? }))
    }

    async fn certificate_status(
        &self,
        _: Request<CertificateStatusRequest>,
    ) -> Result<Response<CertificateStatusResponse>, Status> {
        let report = self.reports.borrow().clone();
        let report =
            report.ok_or_else(|| Status::unavailable("the first check of the certificates is not finished; call again"))?;
        Ok(Response::new(CertificateStatusResponse {
            served: Description::read(&report.served).map(describe),
            authorities: Description::read_all(&report.authorities).into_iter().map(describe).collect(),
            carriers: report.carriers.into_iter().map(describe_carrier).collect(),
            checked: Some(convert_time(report.checked)),
        }))
    }
}

fn read_batch(request: LintRequest) -> Result<Batch, Status> {
    let LintRequest { namespace, manifests } = request;
    if !is_dns_label(&namespace) {
        return Err(Status::invalid_argument(format!("namespace {namespace:?} is no name of a namespace")));
    }
    if manifests.len() > MOST_MANIFESTS {
        let text = format!("the request has {} manifests; send at most {MOST_MANIFESTS}", manifests.len());
        return Err(Status::invalid_argument(text));
    }
    let manifests = manifests.into_iter().enumerate().map(|(index, manifest)| {
        let object = read_object(index, "object", &manifest.object)?;
        let own = object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
        if !own.is_empty() && !is_dns_label(own) {
            return Err(Status::invalid_argument(format!("manifest {index}: {own:?} is no name of a namespace")));
        }
        let live = if manifest.live.is_empty() { Value::Null } else { read_object(index, "live", &manifest.live)? };
        Ok(lint::Manifest { object, live })
    });
    Ok(Batch::new(manifests.collect::<Result<_, _>>()?, &namespace, Timestamp::now()))
}

fn read_object(index: usize, member: &str, text: &str) -> Result<Value, Status> {
    let object: Value = serde_json::from_str(text)
        .map_err(|error| Status::invalid_argument(format!("manifest {index}: the member {member} is not JSON: {error}")))?;
    if object.is_object() {
        return Ok(object);
    }
    Err(Status::invalid_argument(format!("manifest {index}: the member {member} is no object of JSON")))
}

fn judge_all(batch: &Batch, facts: Vec<Facts>) -> Vec<Finding> {
    let judged = facts.into_iter().enumerate().flat_map(|(index, facts)| {
        // There are at most 500 manifests.
        let manifest = u32::try_from(index).unwrap_or(u32::MAX);
        batch.judge(index, facts).into_iter().map(move |finding| convert_finding(manifest, finding))
    });
    judged.collect()
}

fn convert_finding(manifest: u32, finding: lint::Finding) -> Finding {
    let severity = match finding.severity {
        lint::Severity::Error => Severity::Error,
        lint::Severity::Warning => Severity::Warning,
    };
    Finding {
        manifest,
        severity: severity.into(),
        field: finding.field,
        rule: finding.rule.to_owned(),
        problem: finding.problem,
        remedy: finding.remedy,
    }
}

fn describe(certificate: Description) -> Certificate {
    Certificate {
        subject: certificate.subject,
        names: certificate.names,
        not_before: Some(convert_time(certificate.not_before)),
        not_after: Some(convert_time(certificate.not_after)),
        fingerprint: certificate.fingerprint,
    }
}

fn describe_carrier((object, state, failure): (String, State, Option<String>)) -> Carrier {
    let state = match state {
        State::Trusting => CarrierState::Trusting,
        State::Distrusting => CarrierState::Distrusting,
        State::Missing => CarrierState::Missing,
        State::Foreign => CarrierState::Foreign,
        State::Failing => CarrierState::Failing,
    };
    Carrier { object, state: state.into(), failure: failure.unwrap_or_default() }
}

fn convert_time(time: Timestamp) -> ProtoTimestamp {
    ProtoTimestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

#[cfg(test)]
mod tests;
