"""What a session runs: first what all do, then what some do, then what stopping takes.

Printed by `python -m tests.support.workingset --write`. Do not edit.
"""

WORKING_SET = """
_frozen_importlib: ModuleSpec.parent _find_and_load _gcd_import _handle_fromlist _sanity_check
_weakrefset: WeakSet.__init__ WeakSet.__init__.<locals>._remove WeakSet.__iter__ WeakSet.__len__
  WeakSet._commit_removals WeakSet.add _IterationGuard.__enter__ _IterationGuard.__exit__
  _IterationGuard.__init__
abc: ABCMeta.__instancecheck__ ABCMeta.__subclasscheck__
asyncio.base_events: BaseEventLoop.__init__ BaseEventLoop._add_callback BaseEventLoop._call_soon
  BaseEventLoop._check_closed BaseEventLoop._check_running
  BaseEventLoop._create_connection_transport BaseEventLoop._run_forever_setup
  BaseEventLoop._run_once BaseEventLoop._set_coroutine_origin_tracking
  BaseEventLoop._timer_handle_cancelled BaseEventLoop.call_at BaseEventLoop.call_later
  BaseEventLoop.call_soon BaseEventLoop.create_future BaseEventLoop.create_task
  BaseEventLoop.get_debug BaseEventLoop.get_exception_handler BaseEventLoop.is_closed
  BaseEventLoop.is_running BaseEventLoop.run_forever BaseEventLoop.run_until_complete
  BaseEventLoop.set_debug BaseEventLoop.set_exception_handler BaseEventLoop.time _set_nodelay
asyncio.base_futures: isfuture
asyncio.coroutines: _is_debug_mode iscoroutine iscoroutinefunction
asyncio.events: BaseDefaultEventLoopPolicy.__init__ BaseDefaultEventLoopPolicy.new_event_loop
  BaseDefaultEventLoopPolicy.set_event_loop Handle.__init__ Handle._run Handle.cancel
  TimerHandle.__init__ TimerHandle.__lt__ TimerHandle.cancel _init_event_loop_policy
  get_event_loop_policy new_event_loop set_event_loop
asyncio.futures: _get_loop _set_result_unless_cancelled
asyncio.locks: Event.__init__ Event.clear Event.is_set Event.set Event.wait Lock.__init__
asyncio.mixins: _LoopBoundMixin._get_loop
asyncio.runners: Runner.__enter__ Runner.__init__ Runner._lazy_init Runner.run run
asyncio.selector_events: BaseSelectorEventLoop.__init__ BaseSelectorEventLoop._add_reader
  BaseSelectorEventLoop._ensure_fd_no_transport BaseSelectorEventLoop._make_self_pipe
  BaseSelectorEventLoop._make_socket_transport BaseSelectorEventLoop._process_events
  BaseSelectorEventLoop._remove_reader BaseSelectorEventLoop._remove_writer
  BaseSelectorEventLoop.add_reader BaseSelectorEventLoop.remove_reader
  BaseSelectorEventLoop.remove_writer _SelectorSocketTransport.__init__
  _SelectorSocketTransport._read_ready _SelectorSocketTransport._read_ready__data_received
  _SelectorSocketTransport.set_protocol _SelectorSocketTransport.write _SelectorTransport.__init__
  _SelectorTransport._add_reader _SelectorTransport.is_closing _SelectorTransport.is_reading
  _SelectorTransport.set_protocol
asyncio.tasks: __sleep0 _wait _wait.<locals>._on_completion create_task ensure_future sleep wait
  wait.<locals>.<genexpr>
asyncio.timeouts: Timeout.__aenter__ Timeout.__aexit__ Timeout.__init__ Timeout.reschedule timeout
asyncio.transports: BaseTransport.__init__ _FlowControlMixin.__init__
  _FlowControlMixin._set_write_buffer_limits
asyncio.trsock: TransportSocket.__init__
asyncio.unix_events: _UnixDefaultEventLoopPolicy.__init__ _UnixDefaultEventLoopPolicy.set_event_loop
  _UnixSelectorEventLoop.__init__ _UnixSelectorEventLoop._check_signal
  _UnixSelectorEventLoop.add_signal_handler _UnixSelectorEventLoop.create_unix_connection
codecs: BufferedIncrementalDecoder.__init__ IncrementalDecoder.__init__ getincrementaldecoder
collections.abc: Coroutine.__subclasshook__ ItemsView.__iter__ Mapping.get Mapping.items
  MappingView.__init__ _check_methods
contextlib: ExitStack.__enter__ ExitStack.__exit__ _BaseExitStack.__init__
  _BaseExitStack._create_cb_wrapper _BaseExitStack._create_cb_wrapper.<locals>._exit_wrapper
  _BaseExitStack._push_exit_callback _BaseExitStack.callback _BaseExitStack.pop_all
  _GeneratorContextManager.__enter__ _GeneratorContextManager.__exit__
  _GeneratorContextManagerBase.__init__ suppress.__enter__ suppress.__exit__ suppress.__init__
enum: Enum.__new__ Enum._missing_ EnumType.__call__
functools: _unwrap_partial _unwrap_partialmethod
genericpath: _splitext
importlib: import_module
inspect: _has_code_flag _has_coroutine_mark iscoroutinefunction isfunction ismethod
logging: Logger.debug Logger.getEffectiveLevel Logger.isEnabledFor Manager.disable _afterFork
  _prepareFork
msgspec._utils: _eval_type _get_class_annotations _get_class_mro_and_typevar_mappings
  _get_class_mro_and_typevar_mappings.<locals>.inner get_class_annotations
namedtuple_Ending: Ending.__new__
namedtuple_ProcessInfo: ProcessInfo.__new__
namedtuple_ProcessKey: ProcessKey.__new__
namedtuple_SelectorKey: SelectorKey.__new__
namedtuple_Spawned: Spawned.__new__
os: PathLike.__subclasshook__ _Environ.__getitem__ _Environ.__iter__ _createenviron.<locals>.decode
  _createenviron.<locals>.encode _fscodec.<locals>.fsencode
pathlib._abc: PathBase.is_dir
pathlib._local: Path.__init__ Path.__new__ Path.stat PurePath.__fspath__ PurePath.__init__
  PurePath.__str__ PurePath._format_parsed_parts PurePath._parse_path PurePath._raw_path
  PurePath._tail PurePath.drive PurePath.is_absolute PurePath.root
posixpath: _get_sep basename dirname splitext
random: SystemRandom.randbytes
secrets: token_bytes token_hex
selectors: EpollSelector.select _BaseSelectorImpl.__init__ _BaseSelectorImpl._fileobj_lookup
  _BaseSelectorImpl.get_map _BaseSelectorImpl.register _BaseSelectorImpl.unregister
  _PollLikeSelector.__init__ _PollLikeSelector.register _PollLikeSelector.unregister
  _SelectorMapping.__init__ _SelectorMapping.get _fileobj_to_fd
sidecar.contract.events.envelope: encode_event
sidecar.core.bucket: Bucket.__init__
sidecar.core.conversation.announcing: Announcing.__init__ Announcing._derived Announcing._settle
  Announcing._turn_of Announcing.say Announcing.state
sidecar.core.conversation.asking: Asking._cancel_requests
sidecar.core.conversation.conversation: Conversation._resettle Conversation.begin_turn
  Conversation.end_turn
sidecar.core.conversation.items: Items._close_items Items._item Items.complete_item Items.delta
  Items.start_item
sidecar.core.conversation.parts: Memory.__init__ Memory.add Memory.has OpenItem.__init__ nonblank
sidecar.core.credit: CreditWindow.__init__ CreditWindow.open CreditWindow.sent CreditWindow.unacked
sidecar.core.framing: FrameDecoder.__init__ FrameDecoder.feed encode_frame
sidecar.core.knownsecrets: KnownSecrets.__init__ KnownSecrets.learn KnownSecrets.taken_out_of
  Needles.__init__ Needles.found_in _in_one_alphabet
sidecar.core.lastwords: LastWords.__init__ StderrLog.__init__ StderrLog.reader _Lines.__init__
sidecar.core.merging: MergingQueue.__init__ MergingQueue.__len__
sidecar.core.redaction: Redactor.__init__ Redactor.learn Redactor.text Redactor.value _collect
  _gather _gather.<locals>.<genexpr> is_secret_name is_secret_name.<locals>.<genexpr>
  secrets_of_environment secrets_of_session
sidecar.core.secretshapes: without_keys without_shapes without_shapes.<locals>.<genexpr>
sidecar.core.stamping: Stamper.__init__ Stamper.stamp
sidecar.host.asides: Cursors.__init__ Records.__init__
sidecar.host.calls: _send_turn carry_out
sidecar.host.channel: HostChannel.__init__ HostChannel._flush HostChannel.attach
  HostChannel.attach.<locals>.<lambda> HostChannel.connection_made HostChannel.data_received
  HostChannel.send
sidecar.host.context: HostContext.__init__ HostContext.emit HostContext.flow HostContext.learn
  HostContext.new_id HostContext.note_tree _secrets_of _set
sidecar.host.emitter: Emitter.__init__ Emitter._holds Emitter._send_now Emitter.emit Emitter.flow
sidecar.host.entry: become_host
sidecar.host.faults: own_faults watch_faults
sidecar.host.guard: _guard _wait_for_hangup start_guard
sidecar.host.main: Host.__init__ Host._call Host._on_frame Host._open Host._wait_for_change Host.run
  run_host run_host.<locals>.main
sidecar.host.memory: HeapLimit.__init__ HeapLimit.set HeapLimit.watch
sidecar.host.processes: Note.__init__ Processes.__init__ Processes.census Processes.children
  Processes.children.<locals>.<genexpr> Processes.note Processes.note.<locals>.<genexpr> _check_room
  _check_room.<locals>.<genexpr> _program _spawn _tidy _words layered
sidecar.host.session: HostSession.__init__ HostSession._answer HostSession._launch HostSession._send
  HostSession._start_s HostSession._until_over HostSession.call HostSession.run
sidecar.host.shared: SharedServices.__init__ SharedServices.busy
sidecar.host.stacks: write_stacks_on_signal
sidecar.observe.clock: unique_prefix utc_now
sidecar.process.afterfork: die_with.__init__
sidecar.process.census: descendants strangers with_descendants with_descendants.<locals>.<genexpr>
sidecar.process.child: Child.__init__ Child.read Child.spawn living_children
sidecar.process.commands: _without_source_root is_frozen
sidecar.process.exits: ExitWatch.__init__
sidecar.process.linux: _parse_stat _read _read.<locals>.read _thread_children children_of
  children_of.<locals>.<lambda> heap_bytes heap_limit_restorer info_of key_of limit_heap
  set_subreaper tagger
sidecar.process.marks: marks_in new_mark tag_of_mark with_mark
sidecar.process.pipes: PipeReader.__init__ PipeReader._readable PipeReader._try_read
  PipeReader._wake PipeReader.read PipeWriter.__init__ TailReader.__init__
sidecar.process.prepared: release start
sidecar.process.programs: resolved through_shim
sidecar.process.reaper: OrphanReaper.__init__ OrphanReaper._schedule OrphanReaper.start
sidecar.process.spare: _open _take_one with_spare
sidecar.process.spawning: _pipe _popen spawn_process spawn_process.<locals>.<genexpr>
sidecar.process.stop: _once session_census
sidecar.process.waited: is_waited_for register
sidecar.providers.attachments: read_images
sidecar.providers.base: ProviderCommand.__init__ ProviderSession.__init__
sidecar.providers.registry: create_session load_class
sidecar.providers.shapes: a_map count maps text
sidecar.providers.text: LineSplitter.__init__ LineSplitter._hold LineSplitter._reset
  LineSplitter.feed SurrogateJoiner.__init__ SurrogateJoiner.feed SurrogateJoiner.flush
  _Carrier.__init__ _Carrier._map _Carrier._text _Carrier.take clipped decode_json portable whole
signal: _enum_to_int _int_to_enum getsignal signal valid_signals
socket: _intenum_converter socket.__init__ socket.family socket.type socketpair
subprocess: Popen.__init__ Popen._close_pipe_fds Popen._execute_child Popen._get_handles
  Popen._on_error_fd_closer _cleanup
threading: Condition.__enter__ Condition.__exit__ Condition.__init__ Condition._acquire_restore
  Condition._is_owned Condition._release_save Condition.notify Condition.notify_all Condition.wait
  Event.__init__ Event.is_set Event.set Event.wait Thread.__init__ Thread._bootstrap
  Thread._bootstrap_inner Thread._set_ident Thread._set_native_id Thread.daemon Thread.run
  Thread.start _make_invoke_excepthook current_thread main_thread
typing: _AnnotatedAlias.__hash__ _BaseGenericAlias.__setattr__ _LiteralGenericAlias.__hash__
  _UnionGenericAlias.__hash__ _eval_type _eval_type.<locals>.<genexpr> _is_dunder
  _should_unflatten_callable_args _value_and_type_iter _value_and_type_iter.<locals>.<genexpr>
warnings: _add_filter catch_warnings.__enter__ catch_warnings.__exit__ catch_warnings.__init__
  simplefilter
weakref: KeyedRef.__init__ KeyedRef.__new__ WeakValueDictionary.__init__
  WeakValueDictionary.__setitem__ WeakValueDictionary.get WeakValueDictionary.update

asyncio.taskgroups: TaskGroup.__aenter__ TaskGroup.__init__
collections: BasicAuth._make BasicAuth._replace
enum: Enum.__hash__
namedtuple_Call: Call.__new__
namedtuple_McpServers: McpServers.__new__
namedtuple_Opened: Opened.__new__
namedtuple_Parts: Parts.__new__
namedtuple_Response: Response.__new__
sidecar.core.redaction: _behind_options _is_secret_option
sidecar.host.context: HostContext._environment HostContext.record HostContext.spawn
sidecar.host.processes: Processes._start Processes.spawn
sidecar.process.child: Child.drain Child.when_ended Child.write
sidecar.process.commands: _is_private provider_environment
sidecar.process.pipes: PipeWriter._flush PipeWriter._wake_drained PipeWriter._written
  PipeWriter.drain PipeWriter.write
sidecar.process.stop: _info_of
sidecar.providers.acp.asking: Asking.__init__ Asking.withdraw_all
sidecar.providers.acp.crew: Crew.__aenter__ Crew.__init__
sidecar.providers.acp.deadlines: Deadlines.__init__
sidecar.providers.acp.files: Files.__init__ Files.handlers
sidecar.providers.acp.handshake: Handshake.__init__ Handshake.capabilities Handshake.config
  Handshake.loads Handshake.resumes Handshake.takes_images checked client_capabilities
sidecar.providers.acp.hearing: Hearing.__init__ Hearing._is_stale Hearing._map Hearing._notified
  Hearing._update Hearing.open Hearing.take
sidecar.providers.acp.link: AcpLink.__init__
sidecar.providers.acp.mapping.calls: ToolCalls.__init__ ToolCalls.end
sidecar.providers.acp.mapping.content: block_text
sidecar.providers.acp.mapping.facts: configured
sidecar.providers.acp.mapping.speech: Speech.__init__ Speech._flush Speech.chunk Speech.close
  Speech.end
sidecar.providers.acp.mapping.stops: ending_of_result failed_in_words
  failed_in_words.<locals>.<genexpr>
sidecar.providers.acp.mapping.terminals: TerminalTexts.__init__
sidecar.providers.acp.mapping.updates: AcpMapping.__init__ AcpMapping._update AcpMapping._with_raw
  AcpMapping.begin_turn AcpMapping.configured AcpMapping.end_turn AcpMapping.permissions
  AcpMapping.started AcpMapping.update update_kind
sidecar.providers.acp.mapping.usage: figures of_result of_result.<locals>.<genexpr>
sidecar.providers.acp.mcp: read_servers servers_for
sidecar.providers.acp.offers: Offers.__init__ Offers._option Offers.heard Offers.model _named _value
sidecar.providers.acp.opening: Opening.__init__ Opening._call Opening._result Opening.new
  Opening.shake_hands
sidecar.providers.acp.options: convert_options read_options
sidecar.providers.acp.phases: Life.__init__ Life.move fate moved
sidecar.providers.acp.prompt: prompt_blocks
sidecar.providers.acp.serving: Serving.__init__
sidecar.providers.acp.session: AcpSession.__init__ AcpSession._announce AcpSession._handlers
  AcpSession._may_write AcpSession._must_be_idle AcpSession._open AcpSession._publish_cursor
  AcpSession._set AcpSession._up AcpSession.auth_method AcpSession.client_meta AcpSession.command
  AcpSession.cwd AcpSession.extension AcpSession.initialise AcpSession.launch AcpSession.pump
  AcpSession.read_options AcpSession.send_turn
sidecar.providers.acp.settings: Settings.__init__ Settings.heard Settings.model
sidecar.providers.acp.terminals: Terminals.__init__ Terminals.handlers
sidecar.providers.acp.turns: Turns.__init__ Turns._end Turns._finish Turns.answered Turns.begin
  Turns.open Turns.running Turns.stop_timer
sidecar.providers.acp.voice: Voice.__init__ Voice.emit
sidecar.providers.acp.wire: AcpWire.__init__
sidecar.providers.jsonrpc: JsonRpcWire.__init__ JsonRpcWire._line JsonRpcWire._message
  JsonRpcWire._response JsonRpcWire.give_up JsonRpcWire.request _call
sidecar.providers.lines: JsonLines.__init__ JsonLines._messages JsonLines._read JsonLines.receive
  encode_line
sidecar.providers.link: JsonRpcLink.__init__ JsonRpcLink.call JsonRpcLink.receive JsonRpcLink.result
  JsonRpcLink.result_of JsonRpcLink.send JsonRpcLink.settle Link.__init__ Link._answer_to
  Link._check_open Link._hand_over Link._write Link.drained
sidecar.providers.noise: Complaints.__init__ WarningBudget.__init__

sidecar.core.bucket: Bucket.take
sidecar.host.asides: Cursors.publish
sidecar.host.context: HostContext.__init__.<locals>.<lambda> HostContext.publish_cursor
sidecar.providers.acp.mapping.calls: ToolCalls._advance ToolCalls._begin ToolCalls._complete
  ToolCalls._is_open ToolCalls._new_tool ToolCalls._show_terminals ToolCalls._stream
  ToolCalls.update
sidecar.providers.acp.mapping.content: only_text only_text.<locals>.<genexpr> paths terminal_ids
  tool_text tool_text.<locals>.<genexpr>
sidecar.providers.acp.mapping.tools: Tool.__init__ _is_mcp _is_mcp.<locals>.<genexpr> command_of
  data_of detail_of item_type_of kind_of new_tool status_of take_output
sidecar.providers.acp.session: AcpSession._cursor
sidecar.providers.text: _Carrier._list

collections.abc: KeysView.__iter__ Mapping.keys
pathlib._abc: PurePathBase.with_segments
pathlib._local: PurePath.__truediv__
posixpath: join
sidecar.process.commands: own_command own_environment
sidecar.providers.demo.session: DemoSession.command DemoSession.read_options

namedtuple_CursorCli: CursorCli.__new__
namedtuple_Told: Told.__new__
pathlib._abc: PurePathBase.stem
pathlib._local: PurePath.__new__ PurePath.name
sidecar.providers.acp.handshake: Handshake.auth_methods
sidecar.providers.acp.hearing: Hearing._extended Hearing._takes_questions
sidecar.providers.acp.mapping.facts: plan_of
sidecar.providers.acp.mapping.updates: AcpMapping.extended
sidecar.providers.acp.opening: Opening.log_in
sidecar.providers.cursor.command: _as_named find_cli search_path search_path.<locals>.<genexpr>
sidecar.providers.cursor.mapping.extension: CursorExtension.__init__ CursorExtension._raw
  CursorExtension._say CursorExtension.heard
sidecar.providers.cursor.mapping.todos: Todos.__init__ Todos.entries Todos.take
sidecar.providers.cursor.session: CursorSession.auth_method CursorSession.client_meta
  CursorSession.command CursorSession.command.<locals>.<genexpr> CursorSession.extension
  CursorSession.read_options

asyncio.base_events: BaseEventLoop._asyncgen_firstiter_hook BaseEventLoop._ensure_resolved
  BaseEventLoop.create_connection _check_ssl_socket _ipaddr_info
asyncio.events: Handle.cancelled
asyncio.locks: Lock._wake_up_first Lock.acquire Lock.release _ContextManagerMixin.__aenter__
  _ContextManagerMixin.__aexit__
asyncio.selector_events: BaseSelectorEventLoop._add_writer BaseSelectorEventLoop._sock_connect
  BaseSelectorEventLoop._sock_connect_cb BaseSelectorEventLoop._sock_write_done
  BaseSelectorEventLoop.sock_connect _SelectorTransport.resume_reading
asyncio.tasks: shield shield.<locals>._inner_done_callback shield.<locals>._outer_done_callback
asyncio.transports: BaseTransport.get_extra_info
asyncio.trsock: TransportSocket.family TransportSocket.setsockopt
base64: b64encode urlsafe_b64encode
codecs: IncrementalEncoder.__init__
contextlib: aclosing.__aenter__ aclosing.__init__
ipaddress: IPv4Address.__init__ _BaseAddress.__str__ _BaseV4._ip_int_from_string
  _BaseV4._parse_octet _BaseV4._string_from_ip_int _BaseV4.version _IPAddressBase.compressed
  ip_address
json: dumps
json.encoder: JSONEncoder.__init__ JSONEncoder.encode JSONEncoder.iterencode
namedtuple_Event: Event.__new__
namedtuple_Opening: Opening.__new__
namedtuple_Surroundings: Surroundings.__new__
pathlib._abc: PathBase.exists PathBase.write_text PurePathBase.with_suffix _ignore_error
pathlib._local: Path.absolute Path.mkdir Path.open Path.replace Path.write_text
  PurePath._from_parsed_parts PurePath._from_parsed_string PurePath.as_uri PurePath.parent
  PurePath.with_name
secrets: token_urlsafe
sidecar.host.context: HostContext._shared_environment HostContext.lease HostContext.now_ms
sidecar.host.main: Host._log
sidecar.host.processes: ServiceProcesses.__init__ ServiceProcesses.spawn
sidecar.host.shared: ServiceContext.__init__ ServiceContext.now_ms ServiceContext.spawn
  ServiceLease.__init__ SharedServices._create SharedServices._join SharedServices._rest
  SharedServices._start SharedServices.lease _Entry.__init__
sidecar.providers.base: SharedService.__init__
sidecar.providers.opencode.answering: Answering.__init__
sidecar.providers.opencode.catalogue: _options config config.<locals>.<genexpr> context_limits
  models
sidecar.providers.opencode.deadlines: Deadlines.__init__
sidecar.providers.opencode.http: HttpClient.__init__ HttpClient.call HttpClient.events _decoded
  _read
sidecar.providers.opencode.inbox: Inbox.__init__ Inbox._push Inbox.get Inbox.put Inbox.wake
sidecar.providers.opencode.mapping.agents: Agents.__init__ Agents.end
sidecar.providers.opencode.mapping.asking: Asking.__init__ Asking.forget
sidecar.providers.opencode.mapping.diffs: Diffs.__init__ Diffs._say Diffs._say.<locals>.<genexpr>
  Diffs.begin_turn Diffs.message
sidecar.providers.opencode.mapping.messages: Messages.__init__ Messages._show Messages._text
  Messages.assistant Messages.close Messages.delta Messages.knows Messages.part Speaker.__init__
  Text.__init__ Text.rest_of Text.take _remember
sidecar.providers.opencode.mapping.permissions: Grants.__init__
sidecar.providers.opencode.mapping.turns: Turn.__init__ Turn._idle Turn.ending Turn.message
  Turn.status
sidecar.providers.opencode.mapping.updates: OpencodeMapping.__init__ OpencodeMapping._event
  OpencodeMapping._message OpencodeMapping._message.<locals>.<genexpr>
  OpencodeMapping._message_updated OpencodeMapping._of_root OpencodeMapping._part
  OpencodeMapping._status OpencodeMapping._titled OpencodeMapping._with_raw
  OpencodeMapping.begin_turn OpencodeMapping.configured OpencodeMapping.end_turn
  OpencodeMapping.event OpencodeMapping.started
sidecar.providers.opencode.mapping.usage: Tally.__init__ Tally.model_usage Tally.take
  Tally.take.<locals>.<genexpr> Tally.usage Tally.usage.<locals>.<genexpr> _sum figures of_thread
sidecar.providers.opencode.opening: _session create surroundings
sidecar.providers.opencode.options: asked asked.<locals>.<genexpr> read_options
sidecar.providers.opencode.plugin: install
sidecar.providers.opencode.prompt: Chosen.__init__ Chosen.body chosen_for prompt_body
sidecar.providers.opencode.remote: Remote.__init__ Remote.prompt
sidecar.providers.opencode.running: Running.__init__ Running._ending Running._finish
  Running._is_late Running._next Running.begin Running.follow Running.patience_s Running.turn_id
  Running.up
sidecar.providers.opencode.server: Deadlines.__init__ OpencodeServer.__init__
  OpencodeServer._address OpencodeServer._check OpencodeServer._drain OpencodeServer._hear
  OpencodeServer._keep OpencodeServer._listen OpencodeServer._opened OpencodeServer._start
  OpencodeServer._watch OpencodeServer.http OpencodeServer.start
sidecar.providers.opencode.session: OpencodeSession.__init__ OpencodeSession._box
  OpencodeSession._cursor OpencodeSession._emit OpencodeSession._in_force
  OpencodeSession._must_be_open OpencodeSession._open OpencodeSession._server
  OpencodeSession._server_for OpencodeSession._server_for.<locals>.command
  OpencodeSession._set_usual OpencodeSession._step OpencodeSession._take OpencodeSession.initialise
  OpencodeSession.launch OpencodeSession.pump OpencodeSession.send_turn
sidecar.providers.opencode.sharing: sharing_key
sidecar.providers.opencode.shell: server_command server_config working_directory
sidecar.providers.opencode.stream: Switchboard.__init__ Switchboard.attach Switchboard.deliver
  Switchboard.must_be_free
sidecar.providers.opencode.waiting: Prompt.__init__ Waiting.__bool__ Waiting.__init__ Waiting.next
sidecar.providers.opencode.wire: Banner.__init__ Banner.receive EventStream.__init__
  EventStream._dispatch EventStream._take EventStream.receive _event basic_auth
typing: cast
urllib.parse: __getattr__ quote_from_bytes

sidecar.contract.events.envelope: _decoder decode_event
sidecar.process.prepared: Told.__init__ _Prepared.__init__ _Prepared.tell
  _Prepared.told _candidates _fork _forked _pipe _request prepare
sidecar.providers.claude.forms: _cli_argv command_line command_of initialize_of permission_mode
sidecar.providers.claude.link: ClaudeLink.__init__ ClaudeLink.call ClaudeLink.prompt
  ClaudeLink.receive ClaudeLink.settle
sidecar.providers.claude.mapping.agents: Agents.__init__ Agents.background
  Agents.background.<locals>.<genexpr> Agents.scope Agents.turn_over
sidecar.providers.claude.mapping.calls: ToolCalls.__init__ is_call is_result
sidecar.providers.claude.mapping.config: _renamed of_answer of_init servers_of
sidecar.providers.claude.mapping.mapping: ClaudeMapping.__init__ ClaudeMapping._assistant
  ClaudeMapping._forget_closed ClaudeMapping._init ClaudeMapping._system ClaudeMapping._thread
  ClaudeMapping._with_raw ClaudeMapping.begin_turn ClaudeMapping.configured ClaudeMapping.end_turn
  ClaudeMapping.said ClaudeMapping.servers ClaudeMapping.started
sidecar.providers.claude.mapping.notices: Notices.__init__
sidecar.providers.claude.mapping.permissions: Grants.__init__
sidecar.providers.claude.mapping.plans: Todos.__init__
sidecar.providers.claude.mapping.results: Usage.__init__ Usage.news Usage.turn_over _money ending_of
  figures
sidecar.providers.claude.mapping.speech: Block.__init__ Speech.__init__ Speech._begin Speech._close
  Speech._flush Speech._new_block Speech._say Speech._talk Speech.hush Speech.tell
  Speech.tell.<locals>.<genexpr> Talk.__init__
sidecar.providers.claude.mcp: read_servers
sidecar.providers.claude.options: read_options
sidecar.providers.claude.prompt: prompt_content session_id_of
sidecar.providers.claude.session: ClaudeSession.__init__ ClaudeSession._emit ClaudeSession._end
  ClaudeSession._initialize ClaudeSession._may_bypass ClaudeSession._must_be_live
  ClaudeSession._publish ClaudeSession._read ClaudeSession._refuses ClaudeSession._said
  ClaudeSession._take ClaudeSession._up ClaudeSession.cwd ClaudeSession.initialise
  ClaudeSession.launch ClaudeSession.pump ClaudeSession.send_turn ClaudeSession.session
sidecar.providers.claude.settings: Settings.__init__ Settings.attach Settings.begin
  Settings.for_turn
sidecar.providers.claude.turns: Running.__init__ Turn.__init__ Turns.__init__ Turns._begin
  Turns._finish Turns._stop_timer Turns._up Turns.abandoned Turns.after Turns.attach Turns.before
  Turns.end Turns.interrupting Turns.result Turns.send Turns.settle
sidecar.providers.claude.wire: ClaudeWire.__init__ ClaudeWire._answered ClaudeWire._message
  ClaudeWire.forget ClaudeWire.request ClaudeWire.user
sidecar.providers.codex.asking: Desk.__init__ Desk.withdraw
sidecar.providers.codex.binary: _package_roots _triple_pattern _vendored find_program native_binary
sidecar.providers.codex.catalog: Catalog.__init__ Catalog.choose Catalog.find
  Catalog.find.<locals>.<genexpr> Catalog.takes_images _model _model.<locals>.<genexpr> _tier
  account_shown choice_of
sidecar.providers.codex.ends: TurnEnds.__init__ TurnEnds._finish TurnEnds._is_ending
  TurnEnds._stop_timers TurnEnds.close TurnEnds.completed TurnEnds.over TurnEnds.progressed
  TurnEnds.settled TurnEnds.told _stopped
sidecar.providers.codex.guard: TurnGuard.__init__ TurnGuard.heard TurnGuard.note TurnGuard.renew
sidecar.providers.codex.launch: Launch.__init__ Launch.command Launch.cwd Launch.home Launch.start
  codex_home
sidecar.providers.codex.link: CodexLink.__init__
sidecar.providers.codex.mapping.agents: Agents.__init__ Agents.get Agents.running
sidecar.providers.codex.mapping.facts: _detail _status _string _title facts_of full_text
sidecar.providers.codex.mapping.items: Items.__init__ Items._flush Items._remember Items._rest
  Items._say Items._start Items._with_output Items.complete Items.delta Items.flush
  Items.forget_turn Items.id_of Items.start Owner.__init__ Tracked.__init__
sidecar.providers.codex.mapping.notices: settings_of
sidecar.providers.codex.mapping.stops: ending_of kind_of
sidecar.providers.codex.mapping.updates: CodexMapping.__init__ CodexMapping._completed
  CodexMapping._drop_resolved CodexMapping._item CodexMapping._notification CodexMapping._owner
  CodexMapping._progress CodexMapping._with_raw CodexMapping.begin_turn CodexMapping.configured
  CodexMapping.end_turn CodexMapping.is_over CodexMapping.notification CodexMapping.open_asks
  CodexMapping.started
sidecar.providers.codex.mapping.usage: TurnMeter.__init__ TurnMeter.take
sidecar.providers.codex.opening: Handshake.__init__ Handshake.login_hint Handshake.version
  Wanted.__init__ Wanted._config Wanted.params _from _opened new_thread read_models shake_hands
sidecar.providers.codex.options: read_options rights_of
sidecar.providers.codex.phases: moved
sidecar.providers.codex.prompt: input_items
sidecar.providers.codex.sending: Sender.__init__ Sender._start Sender._steer Sender.send
sidecar.providers.codex.session: CodexSession.__init__ CodexSession._after CodexSession._announce
  CodexSession._answered CodexSession._begin CodexSession._cursor CodexSession._emit
  CodexSession._end CodexSession._in_order CodexSession._is_main CodexSession._last_words
  CodexSession._live CodexSession._publish_cursor CodexSession._resume CodexSession._say_dropped
  CodexSession._say_login CodexSession._send CodexSession._set CodexSession._take CodexSession._told
  CodexSession._up CodexSession._wanted CodexSession.initialise CodexSession.launch
  CodexSession.pump CodexSession.send_turn
sidecar.providers.codex.settings: Settings.__init__ Settings.choose Settings.for_turn Settings.heard
sidecar.providers.codex.version: too_old version_in version_in.<locals>.<genexpr>
sidecar.providers.codex.wire: CodexWire.__init__
sidecar.providers.jsonrpc: JsonRpcWire.notification
sidecar.providers.link: JsonRpcLink.notify

_weakrefset: WeakSet.clear WeakSet.discard
asyncio.base_events: BaseEventLoop._add_callback_signalsafe BaseEventLoop._run_forever_cleanup
  BaseEventLoop.close BaseEventLoop.shutdown_asyncgens BaseEventLoop.shutdown_default_executor
  BaseEventLoop.stop _run_until_complete_cb
asyncio.runners: Runner.__exit__ Runner.close _cancel_all_tasks
asyncio.selector_events: BaseSelectorEventLoop._close_self_pipe
  BaseSelectorEventLoop._read_from_self BaseSelectorEventLoop._write_to_self
  BaseSelectorEventLoop.close _SelectorSocketTransport._call_connection_lost
  _SelectorSocketTransport.close _SelectorTransport.__del__ _SelectorTransport._call_connection_lost
  _SelectorTransport.close
asyncio.taskgroups: TaskGroup.__aexit__
asyncio.tasks: _GatheringFuture.__init__ _release_waiter all_tasks gather
  gather.<locals>._done_callback
asyncio.timeouts: Timeout._on_timeout
asyncio.unix_events: _UnixSelectorEventLoop._handle_signal _UnixSelectorEventLoop._process_self_data
  _UnixSelectorEventLoop.close _UnixSelectorEventLoop.remove_signal_handler _sighandler_noop
codecs: BufferedIncrementalDecoder.decode
contextlib: aclosing.__aexit__
enum: Enum.value Flag.__and__ Flag._get_value property.__get__
logging: Handler.acquire Handler.close Handler.release StreamHandler.flush _StderrHandler.stream
  shutdown
re: _compile _compile_template compile
re._compiler: _bytes_to_codes _code _combine_flags _compile _compile_charset _compile_info
  _get_charset_prefix _get_iscased _get_literal_prefix _mk_bitmap _optimize_charset _simple compile
  isstring
re._parser: State.__init__ State.closegroup State.groups State.opengroup SubPattern.__getitem__
  SubPattern.__init__ SubPattern.__len__ SubPattern.__setitem__ SubPattern.append
  SubPattern.getwidth Tokenizer.__init__ Tokenizer.__next Tokenizer.get Tokenizer.getuntil
  Tokenizer.match Tokenizer.tell _class_escape _escape _parse _parse_flags _parse_sub _uniq
  fix_flags parse parse_template parse_template.<locals>.addgroup parse_template.<locals>.addliteral
selectors: EpollSelector.close _BaseSelectorImpl.close
sidecar.core.lastwords: LastWords._hold LastWords._split LastWords.end LastWords.feed LastWords.tail
  StderrLog.tell_dropped
sidecar.core.secretshapes: _compiled
sidecar.host.asides: Cursors.flush Records.tell_dropped
sidecar.host.channel: HostChannel.close HostChannel.connection_lost
sidecar.host.context: HostContext.clean HostContext.release_leases HostContext.tell_rest
sidecar.host.emitter: Emitter._cancel_timer Emitter.flush
sidecar.host.main: Host._gone Host._open.<locals>.<lambda> Host._stop_all
sidecar.host.processes: Processes._tell_end Processes.agent Processes.spawn.<locals>.<lambda>
  Processes.stderr_tail Processes.stderr_tail.<locals>.<genexpr> ServiceProcesses._census
  ServiceProcesses.stop
sidecar.host.session: HostSession._closed HostSession._exit_frame HostSession._keep_pumping
  HostSession._outcome HostSession._stderr_tail HostSession._stop_tree
  HostSession._stop_tree.<locals>.cancel HostSession.close Outcome.__init__
sidecar.host.shared: ServiceContext.log ServiceLease.release SharedServices._give_back
  SharedServices._join.<locals>.<lambda> SharedServices._retire
  SharedServices._retire.<locals>.<lambda> SharedServices._stopped SharedServices.close _Entry.stop
  _Entry.stop_waiting
sidecar.process.census: Kill.__init__ Kill.step everything_below kill_until_empty
sidecar.process.child: Child._on_exit Child.close Child.close_stdin Child.exit Child.output_ended
  Child.signal_group Child.stderr_tail Child.terminate_group Child.wait
  Child.when_ended.<locals>.<lambda>
sidecar.process.exits: ExitWatch._end ExitWatch._look ExitWatch._reap ExitWatch.release
sidecar.process.identity: Exit.__init__ Exit.describe Exit.returncode
sidecar.process.killing: kill_all
sidecar.process.linux: exit_of reap
sidecar.process.pipes: PipeReader.close PipeWriter.close PipeWriter.close_when_written
  TailReader._readable TailReader.close TailReader.drain TailReader.tail
sidecar.process.reaper: OrphanReaper._look OrphanReaper._look.<locals>.<genexpr> OrphanReaper.close
sidecar.process.stop: Ladder.__init__ Ladder.total_s Ladder.within StopReport.__init__
  _Stop.__init__ _Stop._call_cancel _Stop._exits _Stop._in_group _Stop._in_group.<locals>.<genexpr>
  _Stop._kill _Stop._running _Stop._until_group_is_empty _Stop.go_down stop_session_tree
  stop_session_tree.<locals>.<lambda> stop_tree tool_census
sidecar.process.waited: unregister
sidecar.providers.acp.crew: Crew.__aexit__
sidecar.providers.acp.session: AcpSession._end AcpSession.cancel
sidecar.providers.acp.turns: Turns.cancel
sidecar.providers.lines: JsonLines.finish
sidecar.providers.link: Link.close
sidecar.providers.noise: Complaints._summarise Complaints.close WarningBudget.close
sidecar.providers.opencode.http: HttpClient.close
sidecar.providers.opencode.server: OpencodeServer._done OpencodeServer._end OpencodeServer.stop
  OpencodeServer.usable
sidecar.providers.opencode.session: OpencodeSession._leave
sidecar.providers.opencode.stream: Switchboard.close Switchboard.detach
sidecar.providers.text: LineSplitter.finish
sitecustomize: write
socket: socket._real_close socket.close
tests.support.recorder.recording: Recording.stop
threading: _shutdown
weakref: WeakValueDictionary.__init__.<locals>.remove
"""
