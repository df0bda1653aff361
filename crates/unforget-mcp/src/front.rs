//! Gives answers the shape of the official server's where rmcp's own types would not.

use rmcp::ErrorData;
use rmcp::model::{
    ClientNotification, ClientRequest, CustomResult, ErrorCode, ListToolsResult, ServerConfig, ServerResult,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer, Service};
use serde_json::Value;

use crate::server::Handler;
use crate::tools;

/// A [`Handler`] whose answers have gone through here.
#[derive(Debug)]
pub(crate) struct Front {
    handler: Handler,
}

impl Front {
    pub(crate) fn new(handler: Handler) -> Self {
        Self { handler }
    }
}

impl Service<RoleServer> for Front {
    async fn handle_request(
        &self,
        request: ClientRequest,
        mut context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        if matches!(request, ClientRequest::SubscriptionsListenRequest(_)) {
            self.handler.before_listening(&mut context).await?;
        }
        match self.handler.handle_request(request, context).await {
            Ok(ServerResult::ListToolsResult(list)) => with_tools(&list),
            Ok(result) => Ok(result),
            Err(mut error) => {
                if error.code == ErrorCode::METHOD_NOT_FOUND {
                    error.message = "Method not found".into();
                }
                Err(error)
            }
        }
    }

    async fn handle_notification(
        &self,
        notification: ClientNotification,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.handler.handle_notification(notification, context).await
    }

    fn get_info(&self) -> ServerConfig {
        Service::get_info(&self.handler)
    }
}

/// rmcp has no place for all that a tool is described with, so the tools are put in as they are.
fn with_tools(list: &ListToolsResult) -> Result<ServerResult, ErrorData> {
    let broken = |error: serde_json::Error| ErrorData::internal_error(error.to_string(), None);
    let mut list = serde_json::to_value(list).map_err(broken)?;
    list["tools"] = Value::Array(tools::definitions().map_err(broken)?);
    Ok(ServerResult::CustomResult(CustomResult::new(list)))
}
