//! `kubectl tars certificates` (docs/reference/kubectl-tars.md#3).

use crate::{
    cluster::{ClusterArgs, ClusterError},
    output::{Format, OutputError, Verdict, format_table, write_structured},
    service::{Component, ServiceError, Token},
};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use tars_proto::webhook::v1::{
    Carrier, CarrierState, Certificate, CertificateStatusRequest, CertificateStatusResponse,
    admission_service_client::AdmissionServiceClient,
};

/// The account of the chart whose token a call shows.
const ACCOUNT: &str = "tars-view";
/// How many digits of a fingerprint a table shows.
const SHORT_FINGERPRINT: usize = 16;

/// The command line.
#[derive(Debug, Args)]
pub struct CertificatesArgs {
    /// Form of the result
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Why the certificates are not known.
#[derive(Debug, thiserror::Error)]
pub enum CertificatesError {
    /// There is no cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The webhook cannot be called.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A replica did not answer.
    #[error("pod {pod} did not tell its certificates: {} ({:?})", status.message(), status.code())]
    Call {
        /// The pod that was asked.
        pod: String,
        /// The answer.
        status: Box<tonic::Status>,
    },
    /// The result cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// The answer of one replica.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Replica {
    pod: String,
    checked: String,
    served: Option<Shown>,
    authorities: Vec<Shown>,
    carriers: Vec<ShownCarrier>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    subject: String,
    names: Vec<String>,
    not_before: String,
    not_after: String,
    fingerprint: String,
    /// Whether it is valid now.
    valid: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownCarrier {
    object: String,
    state: &'static str,
    failure: String,
}

/// Asks each replica of the webhook, and shows what they say.
pub async fn run(args: &CertificatesArgs, cluster: &ClusterArgs) -> Result<Verdict, CertificatesError> {
    let client = cluster.connect().await?.client;
    let webhook = Component::webhook(&cluster.system_namespace);
    let authorities = webhook.read_authorities(&client).await?;
    let pods = webhook.list_pods(&client).await?;
    let token = Token::request(&client, &webhook.namespace, ACCOUNT).await?;
    let mut replicas = Vec::with_capacity(pods.len());
    for pod in pods {
        let channel = webhook.connect(&client, &pod, &authorities).await?;
        let asked = AdmissionServiceClient::new(channel).certificate_status(token.carry(CertificateStatusRequest {})).await;
        let fail = |status| CertificatesError::Call { pod: pod.clone(), status: Box::new(status) };
        replicas.push(show(&pod, asked.map_err(fail)?.into_inner()));
    }
    if !write_structured(args.output, &replicas)? {
        print_tables(&replicas, args.output == Format::Wide);
    }
    Ok(if replicas.iter().all(Replica::is_fine) { Verdict::Fine } else { Verdict::Wrong })
}

impl Replica {
    fn is_fine(&self) -> bool {
        self.served.as_ref().is_some_and(|served| served.valid)
            && self.carriers.iter().all(|carrier| !matches!(carrier.state, "distrusting" | "failing"))
    }
}

fn show(pod: &str, status: CertificateStatusResponse) -> Replica {
    Replica {
        pod: pod.to_owned(),
        checked: format_time(status.checked.map(|time| time.seconds)),
        served: status.served.map(show_certificate),
        authorities: status.authorities.into_iter().map(show_certificate).collect(),
        carriers: status.carriers.into_iter().map(show_carrier).collect(),
    }
}

fn show_certificate(certificate: Certificate) -> Shown {
    let now = Timestamp::now().as_second();
    let (from, to) = (certificate.not_before.map(|time| time.seconds), certificate.not_after.map(|time| time.seconds));
    Shown {
        subject: certificate.subject,
        names: certificate.names,
        not_before: format_time(from),
        not_after: format_time(to),
        fingerprint: certificate.fingerprint,
        valid: from.is_some_and(|from| from <= now) && to.is_some_and(|to| now < to),
    }
}

fn show_carrier(carrier: Carrier) -> ShownCarrier {
    let state = match carrier.state() {
        CarrierState::Unspecified => "unknown",
        CarrierState::Trusting => "trusting",
        CarrierState::Distrusting => "distrusting",
        CarrierState::Missing => "missing",
        CarrierState::Foreign => "foreign",
        CarrierState::Failing => "failing",
    };
    ShownCarrier { object: carrier.object, state, failure: carrier.failure }
}

fn format_time(seconds: Option<i64>) -> String {
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| "unknown".to_owned(), |time| time.to_string())
}

fn print_tables(replicas: &[Replica], wide: bool) {
    let digits = if wide { usize::MAX } else { SHORT_FINGERPRINT };
    let row = |place: &str, certificate: &Shown| {
        let fingerprint: String = certificate.fingerprint.chars().take(digits).collect();
        let valid = if certificate.valid { "yes" } else { "no" };
        let subject = if wide { certificate.subject.clone() } else { String::new() };
        vec![place.to_owned(), certificate.not_after.clone(), valid.to_owned(), fingerprint, subject]
    };
    let mut rows = Vec::new();
    for replica in replicas {
        match &replica.served {
            Some(served) => rows.push(row(&format!("served by {}", replica.pod), served)),
            None => rows.push(vec![format!("served by {}", replica.pod), "none".to_owned(), "no".to_owned()]),
        }
    }
    // All replicas read the same Secret.
    if let Some(replica) = replicas.first() {
        rows.extend(replica.authorities.iter().map(|authority| row("authority", authority)));
    }
    anstream::print!("{}", format_table(&["CERTIFICATE", "ENDS", "VALID", "FINGERPRINT", ""], &rows));
    if let Some(replica) = replicas.first() {
        let rows: Vec<Vec<String>> = replica
            .carriers
            .iter()
            .map(|carrier| vec![carrier.object.clone(), carrier.state.to_owned(), carrier.failure.clone()])
            .collect();
        anstream::print!("\n{}", format_table(&["CALLED FROM", "STATE", ""], &rows));
    }
}
