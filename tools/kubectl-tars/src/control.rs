//! Calls `ControlService` of the controller with an account of the namespace that is asked about (docs/reference/kubectl-tars.md#6.2).

use crate::{
    cluster::{ClusterArgs, ClusterError},
    service::{Component, ServiceError, Token},
};
use kube::Client;
use tars_proto::controller::v1::control_service_client::ControlServiceClient;
use tonic::{Code, Request, Response, Status, transport::Channel};

/// Why the controller did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// There is no cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// No replica can be called.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A replica refused the call.
    #[error("pod {pod} refused the call: {} ({:?})", status.message(), status.code())]
    Call {
        /// The pod that was asked.
        pod: String,
        /// The answer.
        status: Box<Status>,
    },
}

/// The replicas of the controller, and a token to show to them.
pub struct Controllers {
    /// A client with the rights of the user.
    pub client: Client,
    /// The namespace that is asked about.
    pub namespace: String,
    component: Component,
    authorities: String,
    pods: Vec<String>,
    token: Token,
}

impl Controllers {
    /// Finds the replicas, and asks for a token of `account` in the namespace of the command line.
    pub async fn find(args: &ClusterArgs, account: &str) -> Result<Self, ControlError> {
        let cluster = args.connect().await?;
        let component = Component::controller(&args.system_namespace);
        let authorities = component.read_authorities(&cluster.client).await?;
        let pods = component.list_pods(&cluster.client).await?;
        let token = Token::request(&cluster.client, &cluster.namespace, account).await?;
        Ok(Self { client: cluster.client, namespace: cluster.namespace, component, authorities, pods, token })
    }

    /// Calls `function` of one replica after the other, until one does not answer with a code of `elsewhere`. That of the last one stands.
    pub async fn call<M: Clone, A>(
        &self,
        message: M,
        elsewhere: &[Code],
        function: impl AsyncFn(ControlServiceClient<Channel>, Request<M>) -> Result<Response<A>, Status>,
    ) -> Result<A, ControlError> {
        let mut last = None;
        for pod in &self.pods {
            let channel = match self.component.connect(&self.client, pod, &self.authorities).await {
                Ok(channel) => channel,
                Err(error) => {
                    last = Some(error.into());
                    continue;
                }
            };
            let status = match function(ControlServiceClient::new(channel), self.token.carry(message.clone())).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) => status,
            };
            let is_last_word = !elsewhere.contains(&status.code());
            let refusal = ControlError::Call { pod: pod.clone(), status: Box::new(status) };
            if is_last_word {
                return Err(refusal);
            }
            last = Some(refusal);
        }
        // The list of pods has at least one.
        Err(last.unwrap_or_else(|| self.component.refuse_no_pod().into()))
    }
}
