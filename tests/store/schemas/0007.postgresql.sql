CREATE TABLE public.audit (
    number bigint NOT NULL,
    at double precision NOT NULL,
    actor text DEFAULT ''::text NOT NULL,
    action text DEFAULT ''::text NOT NULL,
    resource text DEFAULT ''::text NOT NULL,
    resource_id text DEFAULT ''::text NOT NULL,
    changes text DEFAULT ''::text NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    revision bigint DEFAULT '0'::bigint NOT NULL
);
CREATE SEQUENCE public.audit_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.audit_number_seq OWNED BY public.audit.number;
CREATE TABLE public.batches (
    id text NOT NULL,
    owner text DEFAULT ''::text NOT NULL,
    endpoint text DEFAULT ''::text NOT NULL,
    completion_window text DEFAULT ''::text NOT NULL,
    status text DEFAULT ''::text NOT NULL,
    input_id text DEFAULT ''::text NOT NULL,
    output_id text DEFAULT ''::text NOT NULL,
    error_id text DEFAULT ''::text NOT NULL,
    created_at double precision NOT NULL,
    begun_at double precision,
    cancelling_at double precision,
    finalizing_at double precision,
    ended_at double precision,
    due_at double precision NOT NULL,
    expires_at double precision,
    worker text DEFAULT ''::text NOT NULL,
    lease_until double precision NOT NULL,
    total bigint DEFAULT '0'::bigint NOT NULL,
    completed bigint DEFAULT '0'::bigint NOT NULL,
    failed bigint DEFAULT '0'::bigint NOT NULL,
    metadata text DEFAULT ''::text NOT NULL,
    errors text DEFAULT ''::text NOT NULL,
    output_seconds double precision,
    models text DEFAULT ''::text NOT NULL
);
CREATE TABLE public.file_lines (
    file_id text NOT NULL,
    number bigint NOT NULL,
    body bytea NOT NULL
);
CREATE TABLE public.files (
    id text NOT NULL,
    owner text DEFAULT ''::text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    purpose text DEFAULT ''::text NOT NULL,
    created_at double precision NOT NULL,
    expires_at double precision NOT NULL,
    ready boolean NOT NULL,
    size bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE public.bodies (
    request_id text NOT NULL,
    at double precision NOT NULL,
    size bigint DEFAULT '0'::bigint NOT NULL,
    request bytea,
    response bytea
);
CREATE TABLE public.gateway_schema (
    version_num text NOT NULL
);
CREATE TABLE public.hooks (
    job_id text NOT NULL,
    receiver text NOT NULL,
    worker text DEFAULT ''::text NOT NULL,
    lease_until double precision NOT NULL
);
CREATE TABLE public.jobs (
    id text NOT NULL,
    owner text DEFAULT ''::text NOT NULL,
    request_id text DEFAULT ''::text NOT NULL,
    operation text DEFAULT ''::text NOT NULL,
    model text DEFAULT ''::text NOT NULL,
    status text DEFAULT ''::text NOT NULL,
    created_at double precision NOT NULL,
    finished_at double precision,
    expires_at double precision,
    worker text DEFAULT ''::text NOT NULL,
    lease_until double precision NOT NULL,
    cancelled boolean NOT NULL,
    http_status integer,
    headers text DEFAULT ''::text NOT NULL,
    error text DEFAULT ''::text NOT NULL,
    size bigint DEFAULT '0'::bigint NOT NULL,
    body bytea
);
CREATE TABLE public.last_used (
    key_id text NOT NULL,
    at double precision NOT NULL
);
CREATE TABLE public.login_tries (
    name text NOT NULL,
    tries bigint DEFAULT '0'::bigint NOT NULL,
    locked_until double precision NOT NULL,
    forget_at double precision NOT NULL
);
CREATE TABLE public.meta (
    name text NOT NULL,
    number bigint,
    text text
);
CREATE TABLE public.prices (
    number bigint NOT NULL,
    provider_id text NOT NULL,
    upstream_model text NOT NULL,
    input_per_million double precision,
    output_per_million double precision,
    cached_input_per_million double precision,
    per_minute double precision,
    per_page double precision,
    per_request double precision,
    valid_from double precision NOT NULL,
    source text DEFAULT ''::text NOT NULL
);
CREATE SEQUENCE public.prices_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.prices_number_seq OWNED BY public.prices.number;
CREATE TABLE public.records (
    resource text NOT NULL,
    id text NOT NULL,
    handle text,
    document text NOT NULL,
    secrets text NOT NULL,
    version bigint NOT NULL,
    revision bigint NOT NULL,
    created_at double precision NOT NULL,
    updated_at double precision NOT NULL
);
CREATE TABLE public.sessions (
    digest text NOT NULL,
    user_id text DEFAULT ''::text NOT NULL,
    role text DEFAULT ''::text NOT NULL,
    csrf_digest text DEFAULT ''::text NOT NULL,
    created_at double precision NOT NULL,
    last_seen double precision NOT NULL,
    expires_at double precision NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    agent text DEFAULT ''::text NOT NULL
);
CREATE TABLE public.spend (
    scope text NOT NULL,
    period text NOT NULL,
    nanos bigint NOT NULL
);
CREATE TABLE public.tombstones (
    resource text NOT NULL,
    id text NOT NULL,
    revision bigint NOT NULL
);
CREATE TABLE public.usage (
    request_id text NOT NULL,
    at double precision NOT NULL,
    operation text DEFAULT ''::text NOT NULL,
    model text DEFAULT ''::text NOT NULL,
    status integer NOT NULL,
    key_id text DEFAULT ''::text NOT NULL,
    key_name text DEFAULT ''::text NOT NULL,
    user_id text DEFAULT ''::text NOT NULL,
    route text DEFAULT ''::text NOT NULL,
    provider_id text DEFAULT ''::text NOT NULL,
    upstream_model text DEFAULT ''::text NOT NULL,
    attempts text DEFAULT ''::text NOT NULL,
    error_code text DEFAULT ''::text NOT NULL,
    stream boolean NOT NULL,
    input_tokens bigint,
    output_tokens bigint,
    cached_tokens bigint,
    seconds double precision,
    pages bigint,
    cost_nanos bigint,
    price text,
    latency_ms double precision DEFAULT '0'::double precision NOT NULL,
    ttft_ms double precision,
    overhead_ms double precision,
    cached boolean NOT NULL
);
CREATE TABLE public.usage_hours (
    hour bigint NOT NULL,
    key_id text DEFAULT ''::text NOT NULL,
    user_id text DEFAULT ''::text NOT NULL,
    route text DEFAULT ''::text NOT NULL,
    provider_id text DEFAULT ''::text NOT NULL,
    upstream_model text DEFAULT ''::text NOT NULL,
    operation text DEFAULT ''::text NOT NULL,
    requests bigint DEFAULT '0'::bigint NOT NULL,
    errors bigint DEFAULT '0'::bigint NOT NULL,
    cached bigint DEFAULT '0'::bigint NOT NULL,
    streams bigint DEFAULT '0'::bigint NOT NULL,
    unpriced bigint DEFAULT '0'::bigint NOT NULL,
    input_tokens bigint DEFAULT '0'::bigint NOT NULL,
    output_tokens bigint DEFAULT '0'::bigint NOT NULL,
    cached_tokens bigint DEFAULT '0'::bigint NOT NULL,
    pages bigint DEFAULT '0'::bigint NOT NULL,
    cost_nanos bigint DEFAULT '0'::bigint NOT NULL,
    ttft_count bigint DEFAULT '0'::bigint NOT NULL,
    overhead_count bigint DEFAULT '0'::bigint NOT NULL,
    latency_0 bigint DEFAULT '0'::bigint NOT NULL,
    latency_1 bigint DEFAULT '0'::bigint NOT NULL,
    latency_2 bigint DEFAULT '0'::bigint NOT NULL,
    latency_3 bigint DEFAULT '0'::bigint NOT NULL,
    latency_4 bigint DEFAULT '0'::bigint NOT NULL,
    latency_5 bigint DEFAULT '0'::bigint NOT NULL,
    latency_6 bigint DEFAULT '0'::bigint NOT NULL,
    latency_7 bigint DEFAULT '0'::bigint NOT NULL,
    latency_8 bigint DEFAULT '0'::bigint NOT NULL,
    latency_9 bigint DEFAULT '0'::bigint NOT NULL,
    latency_10 bigint DEFAULT '0'::bigint NOT NULL,
    latency_11 bigint DEFAULT '0'::bigint NOT NULL,
    latency_12 bigint DEFAULT '0'::bigint NOT NULL,
    latency_13 bigint DEFAULT '0'::bigint NOT NULL,
    latency_14 bigint DEFAULT '0'::bigint NOT NULL,
    latency_15 bigint DEFAULT '0'::bigint NOT NULL,
    latency_16 bigint DEFAULT '0'::bigint NOT NULL,
    latency_17 bigint DEFAULT '0'::bigint NOT NULL,
    latency_18 bigint DEFAULT '0'::bigint NOT NULL,
    latency_19 bigint DEFAULT '0'::bigint NOT NULL,
    latency_20 bigint DEFAULT '0'::bigint NOT NULL,
    latency_21 bigint DEFAULT '0'::bigint NOT NULL,
    latency_22 bigint DEFAULT '0'::bigint NOT NULL,
    latency_23 bigint DEFAULT '0'::bigint NOT NULL,
    latency_24 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_0 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_1 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_2 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_3 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_4 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_5 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_6 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_7 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_8 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_9 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_10 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_11 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_12 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_13 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_14 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_15 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_16 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_17 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_18 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_19 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_20 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_21 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_22 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_23 bigint DEFAULT '0'::bigint NOT NULL,
    ttft_24 bigint DEFAULT '0'::bigint NOT NULL,
    seconds double precision DEFAULT '0'::double precision NOT NULL,
    latency_ms double precision DEFAULT '0'::double precision NOT NULL,
    ttft_ms double precision DEFAULT '0'::double precision NOT NULL,
    overhead_ms double precision DEFAULT '0'::double precision NOT NULL
);
ALTER TABLE ONLY public.audit ALTER COLUMN number SET DEFAULT nextval('public.audit_number_seq'::regclass);
ALTER TABLE ONLY public.prices ALTER COLUMN number SET DEFAULT nextval('public.prices_number_seq'::regclass);
INSERT INTO public.audit VALUES (1, 1700000000, 'root', 'create', 'users', 'anna', '{"name":[null,"Anna"]}', '127.0.0.1', 1);
INSERT INTO public.audit VALUES (2, 1700000000, 'root', 'create', 'users', 'anna', '{"name":[null,"Anna"]}', '127.0.0.1', 2);
INSERT INTO public.audit VALUES (3, 1700000000, 'root', 'create', 'users', 'anna', '{"name":[null,"Anna"]}', '127.0.0.1', 3);
INSERT INTO public.batches VALUES ('batch_1', 'k', '/v1/embeddings', '24h', 'in_progress', 'file-1', '', '', 1700000000, NULL, NULL, NULL, NULL, 4000000000, NULL, '', 0, 1, 0, 0, '{"a":"b"}', '[]', NULL, '["m"]');
INSERT INTO public.file_lines VALUES ('file-1', 1, '\x7b7d0a');
INSERT INTO public.files VALUES ('file-1', 'k', 'asks.jsonl', 'batch', 1700000000, 4000000000, true, 3);
INSERT INTO public.bodies VALUES ('r1', 1700000000, 5, '\x696e', '\x6f7574');
INSERT INTO public.gateway_schema VALUES ('0007');
INSERT INTO public.hooks VALUES ('job-1', 'sealed:hook', 'w', 4000000000);
INSERT INTO public.login_tries VALUES ('somebody', 3, 0, 4000000000);
INSERT INTO public.jobs VALUES ('job-1', 'k', 'r1', 'chat.completions', 'm', 'running', 1700000000, NULL, NULL, 'w', 4000000000, false, NULL, '{}', '{}', 0, NULL);
INSERT INTO public.jobs VALUES ('job-2', 'k', 'r2', 'audio.speech', 'm', 'succeeded', 1700000001, 1700000010, 4000000000, 'w', 1700000016, false, 200, '{"content-type":"audio/mpeg"}', '{}', 4, '\x00ff4944');
INSERT INTO public.last_used VALUES ('k', 1700000000);
INSERT INTO public.meta VALUES ('kept_from', 0, NULL);
INSERT INTO public.meta VALUES ('instance', NULL, 'c08f723f4bc2f2bd');
INSERT INTO public.meta VALUES ('revision', 3, NULL);
INSERT INTO public.prices VALUES (1, 'main', 'm', 0.1, 0.2, NULL, NULL, NULL, NULL, 1600000000, 'list');
INSERT INTO public.records VALUES ('providers', 'main', 'main', '{"name":"Main","url":"https://example.com/v1"}', '{"api_key":"sealed:abc"}', 1, 1, 1795242797.22012, 1795242797.22012);
INSERT INTO public.records VALUES ('users', 'anna', 'anna', '{"name":"Anna \u00fc"}', '{}', 1, 2, 1795242797.2334754, 1795242797.2334754);
INSERT INTO public.sessions VALUES ('aa', 'anna', 'admin', 'cc', 1700000000, 1700000000, 4000000000, '127.0.0.1', 'Browser');
INSERT INTO public.spend VALUES ('global', 'total', 1100);
INSERT INTO public.spend VALUES ('key:k', 'total', 1100);
INSERT INTO public.tombstones VALUES ('users', 'bob', 3);
INSERT INTO public.usage VALUES ('r1', 1700000000, 'chat', 'm', 200, 'k', '', 'anna', '', 'main', 'm', '[{"provider_id":"main","upstream_model":"m","outcome":"200","ms":9.0,"started_ms":0.0}]', '', false, 3, 4, NULL, NULL, NULL, 1100, '{"provider_id":"main","upstream_model":"m","input_per_million":0.1,"output_per_million":0.2,"cached_input_per_million":null,"per_minute":null,"per_page":null,"per_request":null,"valid_from":1600000000.0,"source":"list"}', 9.5, NULL, NULL, false);
INSERT INTO public.usage VALUES ('r2', 1700000005, 'chat', 'x', 404, '', '', '', '', '', '', '[]', 'model_not_found', false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, false);
INSERT INTO public.usage_hours VALUES (1699999200, '', '', '', '', '', 'chat', 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO public.usage_hours VALUES (1699999200, 'k', 'anna', '', 'main', 'm', 'chat', 1, 0, 0, 0, 0, 3, 4, 0, 0, 1100, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9.5, 0, 0);
SELECT pg_catalog.setval('public.audit_number_seq', 3, true);
SELECT pg_catalog.setval('public.prices_number_seq', 1, true);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.batches
    ADD CONSTRAINT batches_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.file_lines
    ADD CONSTRAINT file_lines_pkey PRIMARY KEY (file_id, number);
ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.bodies
    ADD CONSTRAINT bodies_pkey PRIMARY KEY (request_id);
ALTER TABLE ONLY public.gateway_schema
    ADD CONSTRAINT gateway_schema_pkey PRIMARY KEY (version_num);
ALTER TABLE ONLY public.hooks
    ADD CONSTRAINT hooks_pkey PRIMARY KEY (job_id);
ALTER TABLE ONLY public.login_tries
    ADD CONSTRAINT login_tries_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.last_used
    ADD CONSTRAINT last_used_pkey PRIMARY KEY (key_id);
ALTER TABLE ONLY public.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.prices
    ADD CONSTRAINT prices_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.records
    ADD CONSTRAINT records_handle UNIQUE (resource, handle);
ALTER TABLE ONLY public.records
    ADD CONSTRAINT records_pkey PRIMARY KEY (resource, id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY public.spend
    ADD CONSTRAINT spend_pkey PRIMARY KEY (scope, period);
ALTER TABLE ONLY public.tombstones
    ADD CONSTRAINT tombstones_pkey PRIMARY KEY (resource, id);
ALTER TABLE ONLY public.usage_hours
    ADD CONSTRAINT usage_hours_pkey PRIMARY KEY (hour, key_id, user_id, route, provider_id, upstream_model, operation);
ALTER TABLE ONLY public.usage
    ADD CONSTRAINT usage_pkey PRIMARY KEY (request_id);
CREATE INDEX audit_at ON public.audit USING btree (at);
CREATE INDEX batches_expiry ON public.batches USING btree (expires_at);
CREATE INDEX batches_owner ON public.batches USING btree (owner, created_at);
CREATE INDEX batches_status ON public.batches USING btree (status);
CREATE INDEX files_expiry ON public.files USING btree (expires_at);
CREATE INDEX files_owner ON public.files USING btree (owner, created_at);
CREATE INDEX bodies_at ON public.bodies USING btree (at);
CREATE INDEX jobs_expiry ON public.jobs USING btree (expires_at);
CREATE INDEX login_tries_forget ON public.login_tries USING btree (forget_at);
CREATE INDEX jobs_owner ON public.jobs USING btree (owner, created_at);
CREATE INDEX jobs_status ON public.jobs USING btree (status);
CREATE INDEX prices_target ON public.prices USING btree (provider_id, upstream_model, valid_from);
CREATE INDEX records_revision ON public.records USING btree (revision);
CREATE INDEX sessions_expiry ON public.sessions USING btree (expires_at);
CREATE INDEX sessions_user ON public.sessions USING btree (user_id);
CREATE INDEX spend_period ON public.spend USING btree (period);
CREATE INDEX tombstones_revision ON public.tombstones USING btree (revision);
CREATE INDEX usage_at ON public.usage USING btree (at);
CREATE INDEX usage_key ON public.usage USING btree (key_id, at);
CREATE INDEX usage_route ON public.usage USING btree (route, at);
CREATE INDEX usage_failed ON public.usage USING btree (at) WHERE (status >= 400);
CREATE INDEX usage_user ON public.usage USING btree (user_id, at) WHERE (user_id <> ''::text);
