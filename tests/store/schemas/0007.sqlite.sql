BEGIN TRANSACTION;
CREATE TABLE audit (
	number INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	actor TEXT DEFAULT '' NOT NULL, 
	action TEXT DEFAULT '' NOT NULL, 
	resource TEXT DEFAULT '' NOT NULL, 
	resource_id TEXT DEFAULT '' NOT NULL, 
	changes TEXT DEFAULT '' NOT NULL, 
	address TEXT DEFAULT '' NOT NULL, 
	revision BIGINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (number)
);
INSERT INTO "audit" VALUES(1,1700000000.0,'root','create','users','anna','{"name":[null,"Anna"]}','127.0.0.1',1);
INSERT INTO "audit" VALUES(2,1700000000.0,'root','create','users','anna','{"name":[null,"Anna"]}','127.0.0.1',2);
INSERT INTO "audit" VALUES(3,1700000000.0,'root','create','users','anna','{"name":[null,"Anna"]}','127.0.0.1',3);
CREATE TABLE batches (
	id TEXT NOT NULL, 
	owner TEXT DEFAULT '' NOT NULL, 
	endpoint TEXT DEFAULT '' NOT NULL, 
	completion_window TEXT DEFAULT '' NOT NULL, 
	status TEXT DEFAULT '' NOT NULL, 
	input_id TEXT DEFAULT '' NOT NULL, 
	output_id TEXT DEFAULT '' NOT NULL, 
	error_id TEXT DEFAULT '' NOT NULL, 
	created_at DOUBLE NOT NULL, 
	begun_at DOUBLE, 
	cancelling_at DOUBLE, 
	finalizing_at DOUBLE, 
	ended_at DOUBLE, 
	due_at DOUBLE NOT NULL, 
	expires_at DOUBLE, 
	worker TEXT DEFAULT '' NOT NULL, 
	lease_until DOUBLE NOT NULL, 
	total BIGINT DEFAULT '0' NOT NULL, 
	completed BIGINT DEFAULT '0' NOT NULL, 
	failed BIGINT DEFAULT '0' NOT NULL, 
	metadata TEXT DEFAULT '' NOT NULL, 
	errors TEXT DEFAULT '' NOT NULL, 
	output_seconds DOUBLE, 
	models TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "batches" VALUES('batch_1','k','/v1/embeddings','24h','in_progress','file-1','','',1700000000.0,NULL,NULL,NULL,NULL,4000000000.0,NULL,'',0.0,1,0,0,'{"a":"b"}','[]',NULL,'["m"]');
CREATE TABLE bodies (
	request_id TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	size BIGINT DEFAULT '0' NOT NULL, 
	request BLOB, 
	response BLOB, 
	PRIMARY KEY (request_id)
);
INSERT INTO "bodies" VALUES('r1',1700000000.0,5,X'696E',X'6F7574');
CREATE TABLE file_lines (
	file_id TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	body BLOB NOT NULL, 
	PRIMARY KEY (file_id, number)
);
INSERT INTO "file_lines" VALUES('file-1',1,X'7B7D0A');
CREATE TABLE files (
	id TEXT NOT NULL, 
	owner TEXT DEFAULT '' NOT NULL, 
	name TEXT DEFAULT '' NOT NULL, 
	purpose TEXT DEFAULT '' NOT NULL, 
	created_at DOUBLE NOT NULL, 
	expires_at DOUBLE NOT NULL, 
	ready BOOLEAN NOT NULL, 
	size BIGINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "files" VALUES('file-1','k','asks.jsonl','batch',1700000000.0,4000000000.0,1,3);
CREATE TABLE gateway_schema (
	version_num TEXT NOT NULL, 
	PRIMARY KEY (version_num)
);
INSERT INTO "gateway_schema" VALUES('0007');
CREATE TABLE hooks (
	job_id TEXT NOT NULL, 
	receiver TEXT NOT NULL, 
	worker TEXT DEFAULT '' NOT NULL, 
	lease_until DOUBLE NOT NULL, 
	PRIMARY KEY (job_id)
);
INSERT INTO "hooks" VALUES('job-1','sealed:hook','w',4000000000.0);
CREATE TABLE jobs (
	id TEXT NOT NULL, 
	owner TEXT DEFAULT '' NOT NULL, 
	request_id TEXT DEFAULT '' NOT NULL, 
	operation TEXT DEFAULT '' NOT NULL, 
	model TEXT DEFAULT '' NOT NULL, 
	status TEXT DEFAULT '' NOT NULL, 
	created_at DOUBLE NOT NULL, 
	finished_at DOUBLE, 
	expires_at DOUBLE, 
	worker TEXT DEFAULT '' NOT NULL, 
	lease_until DOUBLE NOT NULL, 
	cancelled BOOLEAN NOT NULL, 
	http_status INTEGER, 
	headers TEXT DEFAULT '' NOT NULL, 
	error TEXT DEFAULT '' NOT NULL, 
	size BIGINT DEFAULT '0' NOT NULL, 
	body BLOB, 
	PRIMARY KEY (id)
);
INSERT INTO "jobs" VALUES('job-1','k','r1','chat.completions','m','running',1700000000.0,NULL,NULL,'w',4000000000.0,0,NULL,'{}','{}',0,NULL);
INSERT INTO "jobs" VALUES('job-2','k','r2','audio.speech','m','succeeded',1700000001.0,1700000010.0,4000000000.0,'w',1700000016.0,0,200,'{"content-type":"audio/mpeg"}','{}',4,X'00FF4944');
CREATE TABLE last_used (
	key_id TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (key_id)
);
INSERT INTO "last_used" VALUES('k',1700000000.0);
CREATE TABLE login_tries (
	name TEXT NOT NULL, 
	tries BIGINT DEFAULT '0' NOT NULL, 
	locked_until DOUBLE NOT NULL, 
	forget_at DOUBLE NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "login_tries" VALUES('somebody',3,0.0,4000000000.0);
CREATE TABLE meta (
	name TEXT NOT NULL, 
	number BIGINT, 
	text TEXT, 
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('revision',3,NULL);
INSERT INTO "meta" VALUES('kept_from',0,NULL);
INSERT INTO "meta" VALUES('instance',NULL,'624448970e9eb93a');
CREATE TABLE prices (
	number INTEGER NOT NULL, 
	provider_id TEXT NOT NULL, 
	upstream_model TEXT NOT NULL, 
	input_per_million DOUBLE, 
	output_per_million DOUBLE, 
	cached_input_per_million DOUBLE, 
	per_minute DOUBLE, 
	per_page DOUBLE, 
	per_request DOUBLE, 
	valid_from DOUBLE NOT NULL, 
	source TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (number)
);
INSERT INTO "prices" VALUES(1,'main','m',0.1,0.2,NULL,NULL,NULL,NULL,1600000000.0,'list');
CREATE TABLE records (
	resource TEXT NOT NULL, 
	id TEXT NOT NULL, 
	handle TEXT, 
	document TEXT NOT NULL, 
	secrets TEXT NOT NULL, 
	version BIGINT NOT NULL, 
	revision BIGINT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	PRIMARY KEY (resource, id), 
	CONSTRAINT records_handle UNIQUE (resource, handle)
);
INSERT INTO "records" VALUES('providers','main','main','{"name":"Main","url":"https://example.com/v1"}','{"api_key":"sealed:abc"}',1,1,1.79524279609674596784e+09,1.79524279609674596784e+09);
INSERT INTO "records" VALUES('users','anna','anna','{"name":"Anna \u00fc"}','{}',1,2,1.79524279610827040666e+09,1.79524279610827040666e+09);
CREATE TABLE sessions (
	digest TEXT NOT NULL, 
	user_id TEXT DEFAULT '' NOT NULL, 
	role TEXT DEFAULT '' NOT NULL, 
	csrf_digest TEXT DEFAULT '' NOT NULL, 
	created_at DOUBLE NOT NULL, 
	last_seen DOUBLE NOT NULL, 
	expires_at DOUBLE NOT NULL, 
	address TEXT DEFAULT '' NOT NULL, 
	agent TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (digest)
);
INSERT INTO "sessions" VALUES('aa','anna','admin','cc',1700000000.0,1700000000.0,4000000000.0,'127.0.0.1','Browser');
CREATE TABLE spend (
	scope TEXT NOT NULL, 
	period TEXT NOT NULL, 
	nanos BIGINT NOT NULL, 
	PRIMARY KEY (scope, period)
);
INSERT INTO "spend" VALUES('global','total',1100);
INSERT INTO "spend" VALUES('key:k','total',1100);
CREATE TABLE tombstones (
	resource TEXT NOT NULL, 
	id TEXT NOT NULL, 
	revision BIGINT NOT NULL, 
	PRIMARY KEY (resource, id)
);
INSERT INTO "tombstones" VALUES('users','bob',3);
CREATE TABLE usage (
	request_id TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	operation TEXT DEFAULT '' NOT NULL, 
	model TEXT DEFAULT '' NOT NULL, 
	status INTEGER NOT NULL, 
	key_id TEXT DEFAULT '' NOT NULL, 
	key_name TEXT DEFAULT '' NOT NULL, 
	user_id TEXT DEFAULT '' NOT NULL, 
	route TEXT DEFAULT '' NOT NULL, 
	provider_id TEXT DEFAULT '' NOT NULL, 
	upstream_model TEXT DEFAULT '' NOT NULL, 
	attempts TEXT DEFAULT '' NOT NULL, 
	error_code TEXT DEFAULT '' NOT NULL, 
	stream BOOLEAN NOT NULL, 
	input_tokens BIGINT, 
	output_tokens BIGINT, 
	cached_tokens BIGINT, 
	seconds DOUBLE, 
	pages BIGINT, 
	cost_nanos BIGINT, 
	price TEXT, 
	latency_ms DOUBLE DEFAULT '0' NOT NULL, 
	ttft_ms DOUBLE, 
	overhead_ms DOUBLE, 
	cached BOOLEAN NOT NULL, 
	PRIMARY KEY (request_id)
);
INSERT INTO "usage" VALUES('r1',1700000000.0,'chat','m',200,'k','','anna','','main','m','[{"provider_id":"main","upstream_model":"m","outcome":"200","ms":9.0,"started_ms":0.0}]','',0,3,4,NULL,NULL,NULL,1100,'{"provider_id":"main","upstream_model":"m","input_per_million":0.1,"output_per_million":0.2,"cached_input_per_million":null,"per_minute":null,"per_page":null,"per_request":null,"valid_from":1600000000.0,"source":"list"}',9.5,NULL,NULL,0);
INSERT INTO "usage" VALUES('r2',1700000005.0,'chat','x',404,'','','','','','','[]','model_not_found',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0.0,NULL,NULL,0);
CREATE TABLE usage_hours (
	hour BIGINT NOT NULL, 
	key_id TEXT DEFAULT '' NOT NULL, 
	user_id TEXT DEFAULT '' NOT NULL, 
	route TEXT DEFAULT '' NOT NULL, 
	provider_id TEXT DEFAULT '' NOT NULL, 
	upstream_model TEXT DEFAULT '' NOT NULL, 
	operation TEXT DEFAULT '' NOT NULL, 
	requests BIGINT DEFAULT '0' NOT NULL, 
	errors BIGINT DEFAULT '0' NOT NULL, 
	cached BIGINT DEFAULT '0' NOT NULL, 
	streams BIGINT DEFAULT '0' NOT NULL, 
	unpriced BIGINT DEFAULT '0' NOT NULL, 
	input_tokens BIGINT DEFAULT '0' NOT NULL, 
	output_tokens BIGINT DEFAULT '0' NOT NULL, 
	cached_tokens BIGINT DEFAULT '0' NOT NULL, 
	pages BIGINT DEFAULT '0' NOT NULL, 
	cost_nanos BIGINT DEFAULT '0' NOT NULL, 
	ttft_count BIGINT DEFAULT '0' NOT NULL, 
	overhead_count BIGINT DEFAULT '0' NOT NULL, 
	latency_0 BIGINT DEFAULT '0' NOT NULL, 
	latency_1 BIGINT DEFAULT '0' NOT NULL, 
	latency_2 BIGINT DEFAULT '0' NOT NULL, 
	latency_3 BIGINT DEFAULT '0' NOT NULL, 
	latency_4 BIGINT DEFAULT '0' NOT NULL, 
	latency_5 BIGINT DEFAULT '0' NOT NULL, 
	latency_6 BIGINT DEFAULT '0' NOT NULL, 
	latency_7 BIGINT DEFAULT '0' NOT NULL, 
	latency_8 BIGINT DEFAULT '0' NOT NULL, 
	latency_9 BIGINT DEFAULT '0' NOT NULL, 
	latency_10 BIGINT DEFAULT '0' NOT NULL, 
	latency_11 BIGINT DEFAULT '0' NOT NULL, 
	latency_12 BIGINT DEFAULT '0' NOT NULL, 
	latency_13 BIGINT DEFAULT '0' NOT NULL, 
	latency_14 BIGINT DEFAULT '0' NOT NULL, 
	latency_15 BIGINT DEFAULT '0' NOT NULL, 
	latency_16 BIGINT DEFAULT '0' NOT NULL, 
	latency_17 BIGINT DEFAULT '0' NOT NULL, 
	latency_18 BIGINT DEFAULT '0' NOT NULL, 
	latency_19 BIGINT DEFAULT '0' NOT NULL, 
	latency_20 BIGINT DEFAULT '0' NOT NULL, 
	latency_21 BIGINT DEFAULT '0' NOT NULL, 
	latency_22 BIGINT DEFAULT '0' NOT NULL, 
	latency_23 BIGINT DEFAULT '0' NOT NULL, 
	latency_24 BIGINT DEFAULT '0' NOT NULL, 
	ttft_0 BIGINT DEFAULT '0' NOT NULL, 
	ttft_1 BIGINT DEFAULT '0' NOT NULL, 
	ttft_2 BIGINT DEFAULT '0' NOT NULL, 
	ttft_3 BIGINT DEFAULT '0' NOT NULL, 
	ttft_4 BIGINT DEFAULT '0' NOT NULL, 
	ttft_5 BIGINT DEFAULT '0' NOT NULL, 
	ttft_6 BIGINT DEFAULT '0' NOT NULL, 
	ttft_7 BIGINT DEFAULT '0' NOT NULL, 
	ttft_8 BIGINT DEFAULT '0' NOT NULL, 
	ttft_9 BIGINT DEFAULT '0' NOT NULL, 
	ttft_10 BIGINT DEFAULT '0' NOT NULL, 
	ttft_11 BIGINT DEFAULT '0' NOT NULL, 
	ttft_12 BIGINT DEFAULT '0' NOT NULL, 
	ttft_13 BIGINT DEFAULT '0' NOT NULL, 
	ttft_14 BIGINT DEFAULT '0' NOT NULL, 
	ttft_15 BIGINT DEFAULT '0' NOT NULL, 
	ttft_16 BIGINT DEFAULT '0' NOT NULL, 
	ttft_17 BIGINT DEFAULT '0' NOT NULL, 
	ttft_18 BIGINT DEFAULT '0' NOT NULL, 
	ttft_19 BIGINT DEFAULT '0' NOT NULL, 
	ttft_20 BIGINT DEFAULT '0' NOT NULL, 
	ttft_21 BIGINT DEFAULT '0' NOT NULL, 
	ttft_22 BIGINT DEFAULT '0' NOT NULL, 
	ttft_23 BIGINT DEFAULT '0' NOT NULL, 
	ttft_24 BIGINT DEFAULT '0' NOT NULL, 
	seconds DOUBLE DEFAULT '0' NOT NULL, 
	latency_ms DOUBLE DEFAULT '0' NOT NULL, 
	ttft_ms DOUBLE DEFAULT '0' NOT NULL, 
	overhead_ms DOUBLE DEFAULT '0' NOT NULL, 
	PRIMARY KEY (hour, key_id, user_id, route, provider_id, upstream_model, operation)
);
INSERT INTO "usage_hours" VALUES(1699999200,'','','','','','chat',1,1,0,0,1,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0.0,0.0,0.0,0.0);
INSERT INTO "usage_hours" VALUES(1699999200,'k','anna','','main','m','chat',1,0,0,0,0,3,4,0,0,1100,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0.0,9.5,0.0,0.0);
CREATE INDEX records_revision ON records (revision);
CREATE INDEX tombstones_revision ON tombstones (revision);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);
CREATE INDEX usage_key ON usage (key_id, at);
CREATE INDEX usage_user ON usage (user_id, at) WHERE user_id != '';
CREATE INDEX usage_route ON usage (route, at);
CREATE INDEX usage_at ON usage (at);
CREATE INDEX usage_failed ON usage (at) WHERE status >= 400;
CREATE INDEX bodies_at ON bodies (at);
CREATE INDEX spend_period ON spend (period);
CREATE INDEX prices_target ON prices (provider_id, upstream_model, valid_from);
CREATE INDEX jobs_owner ON jobs (owner, created_at);
CREATE INDEX jobs_status ON jobs (status);
CREATE INDEX jobs_expiry ON jobs (expires_at);
CREATE INDEX files_owner ON files (owner, created_at);
CREATE INDEX files_expiry ON files (expires_at);
CREATE INDEX batches_owner ON batches (owner, created_at);
CREATE INDEX batches_status ON batches (status);
CREATE INDEX batches_expiry ON batches (expires_at);
CREATE INDEX login_tries_forget ON login_tries (forget_at);
COMMIT;
