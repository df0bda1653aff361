//! What the server does with each request.

use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod, CompleteRequestParams,
    CompleteResult, ContentBlock, ErrorCode, Implementation, ListPromptsRequestMethod, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, PaginatedRequestParams, ReadResourceRequestParams,
    ReadResourceResponse, ServerCapabilities, ServerConfig, SubscribeRequestParams, SubscriptionFilter,
    UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, RoleServer, SubscriptionContext};
use rmcp::{ErrorData, ServerHandler};

use crate::calls::{Calls, Work};
use crate::memory::Memory;
use crate::resource;
use crate::tools::{self, Answer, Refusal};

/// The handler of one connection.
#[derive(Debug, Clone)]
pub(crate) struct Handler {
    calls: Arc<Calls>,
}

/// The revision at which a listener was acknowledged.
#[derive(Debug, Clone, Copy)]
struct Acknowledged(u64);

impl Handler {
    pub(crate) fn new(calls: Arc<Calls>) -> Self {
        Self { calls }
    }

    /// Prepares for a listener. rmcp acknowledges it before it calls [`listen`](ServerHandler::listen), and from the
    /// acknowledgement on no change may be missed.
    pub(crate) async fn before_listening(
        &self,
        context: &mut RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        context.extensions.insert(self.calls.admit_listener().map_err(failed)?);
        let known = self.calls.watch(context).await.map_err(failed)?;
        context.extensions.insert(Acknowledged(known));
        Ok(())
    }

    async fn answer(
        &self,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<Answer, Refusal> {
        let tool = tools::named(&request.name)?;
        self.calls.call(tool, request.arguments.unwrap_or_default(), context).await
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_resources()
            .enable_resources_list_changed()
            .enable_resources_subscribe()
            .build();
        let server = Implementation::new("unforget", env!("CARGO_PKG_VERSION"));
        ServerConfig::new(capabilities).with_server_info(server)
    }

    /// What is wrong with a call is told in its result, where the model reads it.
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let result = match self.answer(request, &context).await {
            Ok(answer) => {
                let mut result = CallToolResult::success(vec![ContentBlock::text(answer.text)]);
                result.structured_content = Some(answer.data);
                // The official server leaves it out where nothing went wrong.
                result.is_error = None;
                result
            }
            Err(Refusal(text)) => CallToolResult::error(vec![ContentBlock::text(text)]),
        };
        Ok(result.into())
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(resource::list()))
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(resource::templates()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let wanted = resource::wanted(&request.uri)?;
        let limit = self.calls.settings.answer_limit;
        let read = move |memory: &Arc<Memory>| resource::read(memory, wanted, limit);
        let text = self.calls.run("resources/read", Work::Reads, &context, read).await.map_err(failed)?;
        Ok(resource::contents(request.uri, text).into())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let mut accepted = requested.supported_by(&self.get_info().capabilities);
        if let Some(uris) = &mut accepted.resource_subscriptions {
            uris.retain(|uri| uri == resource::URI);
        }
        Some(accepted)
    }

    /// Tells of changes until the client cancels or the server ends.
    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let context = subscription.request_context();
        let wants_graph =
            subscription.accepted().resource_subscriptions.as_ref().is_some_and(|uris| !uris.is_empty());
        if let (true, Some(Acknowledged(known))) = (wants_graph, context.extensions.get()) {
            self.calls.subscriptions().listen(subscription.sink().clone(), *known);
            // What has changed since the client was promised to be told.
            if let Err(refusal) = self.calls.tell(context).await {
                self.calls.subscriptions().stop_listening(subscription.sink().id());
                return Err(failed(refusal));
            }
        }
        tokio::select! {
            () = subscription.cancelled() => {}
            () = self.calls.stopped() => {}
        }
        self.calls.subscriptions().stop_listening(subscription.sink().id());
        Ok(())
    }

    /// Any URI can be subscribed to, as on the official server; only the graph ever changes.
    #[allow(deprecated, reason = "it is how clients before 2026-07-28 subscribe")]
    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if request.uri == resource::URI {
            let known = self.calls.watch(&context).await.map_err(failed)?;
            self.calls.subscriptions().subscribe(context.peer, known);
        }
        Ok(())
    }

    #[allow(deprecated, reason = "it is how clients before 2026-07-28 subscribe")]
    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if request.uri == resource::URI {
            self.calls.subscriptions().unsubscribe();
        }
        Ok(())
    }

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    async fn complete(
        &self,
        _request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::method_not_found::<CompleteRequestMethod>())
    }
}

fn failed(Refusal(text): Refusal) -> ErrorData {
    ErrorData::new(ErrorCode::INTERNAL_ERROR, text, None)
}
