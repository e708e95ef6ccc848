//! The last lines of the logs of containers that ended without a word, read with the rights of the user.

use super::shown::Shown;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, api::LogParams};
use std::time::Duration;
use tars_proto::controller::v1::Log;
use tokio::time::timeout;

/// How many logs are read for one command.
const MOST_LOGS: usize = 3;
/// How many lines and bytes of each.
const LINES: i64 = 10;
const BYTES: i64 = 4096;
/// How long a log may take.
const LIMIT: Duration = Duration::from_secs(2);

/// Reads the logs to which `causes` refer, the first of them.
pub async fn read_logs(client: &Client, namespace: &str, causes: &mut [Shown]) {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let mut silent = Vec::new();
    for cause in causes {
        collect(cause, &mut silent);
    }
    for cause in silent.into_iter().take(MOST_LOGS) {
        if let Some(place) = &cause.place {
            cause.log = read(&pods, place).await;
        }
    }
}

fn collect<'a>(cause: &'a mut Shown, silent: &mut Vec<&'a mut Shown>) {
    if cause.place.is_some() {
        return silent.push(cause);
    }
    for child in &mut cause.children {
        collect(child, silent);
    }
}

/// The lines, or one that says why there are none.
async fn read(pods: &Api<Pod>, place: &Log) -> Vec<String> {
    // The container may have been started or have ended since the answer, so the other instance is looked at, too.
    let both = async {
        match request(pods, place, place.previous).await {
            Err(kube::Error::Api(status)) if status.code == 400 => request(pods, place, !place.previous).await,
            other => other,
        }
    };
    match timeout(LIMIT, both).await {
        Ok(Ok(text)) if text.trim().is_empty() => vec!["(its log is empty)".to_owned()],
        Ok(Ok(text)) => text.lines().map(str::to_owned).collect(),
        Ok(Err(kube::Error::Api(status))) => vec![format!("(its log cannot be read: {})", status.message)],
        Ok(Err(error)) => vec![format!("(its log cannot be read: {})", tars_kit::causes::with_sources(&error))],
        Err(_) => vec![format!("(its log was not read within {} s)", LIMIT.as_secs())],
    }
}

async fn request(pods: &Api<Pod>, place: &Log, previous: bool) -> kube::Result<String> {
    let params = LogParams {
        container: Some(place.container.clone()),
        previous,
        tail_lines: Some(LINES),
        limit_bytes: Some(BYTES),
        ..LogParams::default()
    };
    pods.logs(&place.pod, &params).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, Response};
    use kube::client::Body;
    use std::{
        convert::Infallible,
        sync::{Arc, Mutex},
    };

    /// A kubelet that has only the log of the present instance.
    fn client(asked: &Arc<Mutex<Vec<String>>>) -> Client {
        let asked = asked.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let address = request.uri().to_string();
            let (code, body) = if address.contains("previous=true") {
                (400, r#"{"kind":"Status","status":"Failure","code":400,"message":"previous terminated container not found"}"#)
            } else {
                (200, "no port left\nbye\n")
            };
            asked.lock().unwrap().push(address);
            let response = Response::builder().status(code).body(Body::from(body.as_bytes().to_vec())).unwrap();
            async { Ok::<_, Infallible>(response) }
        });
        Client::new(service, "default")
    }

    fn container(pod: &str) -> Shown {
        let place = Some(Log { pod: pod.to_owned(), container: "main".to_owned(), previous: true });
        Shown { place, ..Shown::default() }
    }

    #[tokio::test]
    async fn a_few_logs_are_read_in_part_and_of_the_other_instance_if_there_is_only_that() {
        let asked = Arc::default();
        let children = (0..9).map(|number| container(&format!("pod-{number}"))).collect();
        let mut causes = [Shown { children, ..Shown::default() }];
        read_logs(&client(&asked), "bank", &mut causes).await;
        let logs: Vec<_> = causes[0].children.iter().map(|cause| cause.log.join("|")).collect();
        assert_eq!(logs[..4], ["no port left|bye", "no port left|bye", "no port left|bye", ""]);
        let asked = asked.lock().unwrap();
        assert_eq!(asked.len(), 6, "{asked:?}");
        assert!(asked[1].starts_with("/api/v1/namespaces/bank/pods/pod-0/log?"), "{asked:?}");
        assert!(asked.iter().all(|one| one.contains("tailLines=10") && one.contains("limitBytes=4096")), "{asked:?}");
    }
}
