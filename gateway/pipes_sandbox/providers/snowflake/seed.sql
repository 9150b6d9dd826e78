-- The CRM that every account starts with. Deterministic: the same rows in every run.
CREATE SEQUENCE "ORDERS_SEQ" START 1001;
CREATE SEQUENCE "OUTSIDE_CALLS" START 1;

CREATE TABLE "CONTACTS" (
  "ID" BIGINT NOT NULL, "NAME" VARCHAR NOT NULL, "EMAIL" VARCHAR, "REGION" VARCHAR, "STALE" BOOLEAN, "SSN" VARCHAR,
  "BOSS" BIGINT, "UPDATED_BY" VARCHAR, "CREATED_AT" TIMESTAMP, "DELETED_AT" TIMESTAMP, "delete" BOOLEAN, "update" BOOLEAN
);
INSERT INTO "CONTACTS"
SELECT i,
  list_extract(['Ada','Grace','Alan','Edsger','Barbara','Donald','Katherine','Tim','Radia','Ken'], 1 + (i * 7) % 10)
    || ' ' ||
  list_extract(['Lovelace','Hopper','Turing','Dijkstra','Liskov','Knuth','Johnson','Berners-Lee','Perlman','Thompson',
                'O''Brien','Muñoz'], 1 + (i * 5) % 12),
  'contact' || i || '@customer' || (i % 37) || '.example',
  list_extract(['EMEA','AMER','APAC'], 1 + i % 3),
  i % 11 = 0,
  printf('%03d-%02d-%04d', 100 + i % 800, 10 + i % 80, 1000 + i),
  CASE WHEN i = 1 THEN NULL ELSE i // 2 END,
  CASE WHEN i % 4 = 0 THEN NULL ELSE 'ALICE' END,
  TIMESTAMP '2024-01-01 08:00:00' + to_minutes(CAST(i * 977 AS BIGINT)),
  CASE WHEN i % 29 = 0 THEN TIMESTAMP '2026-02-01 00:00:00.123456' END,
  FALSE, TRUE
FROM range(1, 241) t(i);

CREATE TABLE "ORDERS" (
  "ID" BIGINT NOT NULL, "CONTACT_ID" BIGINT, "REGION" VARCHAR, "AMOUNT" DECIMAL(12, 2), "DISCOUNT" DOUBLE,
  "ORDERED_ON" DATE, "SHIPPED_AT" TIMESTAMPTZ, "Q1" DECIMAL(12, 2), "Q2" DECIMAL(12, 2)
);
INSERT INTO "ORDERS"
SELECT i, 1 + (i * 13) % 240, list_extract(['EMEA','AMER','APAC'], 1 + i % 3),
  CAST((i * 7919) % 250000 AS DECIMAL(12, 2)) / 100, (i % 5) / 20.0,
  DATE '2025-01-01' + CAST(i % 365 AS INTEGER),
  CASE WHEN i % 6 = 0 THEN NULL ELSE TIMESTAMPTZ '2025-01-02 09:30:00+00' + to_hours(CAST(i AS BIGINT)) END,
  CAST(i % 100 AS DECIMAL(12, 2)), CAST((i * 3) % 100 AS DECIMAL(12, 2))
FROM range(1, 601) t(i);

CREATE TABLE "EVENTS" ("ID" BIGINT NOT NULL, "AT" TIMESTAMP, "KIND" VARCHAR, "PAYLOAD" JSON);
INSERT INTO "EVENTS"
SELECT i, TIMESTAMP '2026-01-01' + to_seconds(CAST(i * 61 AS BIGINT)),
  list_extract(['page_view','signup','purchase','support'], 1 + i % 4),
  CAST(json_object(
    'customer', json_object('name', 'Customer ' || (i % 240), 'id', i % 240),
    'items', json_array(json_object('sku', 'SKU-' || (i % 50), 'count', 1 + i % 3),
                        json_object('sku', 'SKU-' || (i % 17), 'count', 1)),
    'ok', i % 9 <> 0) AS JSON)
FROM range(1, 9001) t(i);

CREATE TABLE "AUDIT" ("ID" BIGINT, "ACTION" VARCHAR, "STATEMENT" VARCHAR, "AT" TIMESTAMP);
INSERT INTO "AUDIT" VALUES
  (1, 'SELECT', 'SELECT 1', TIMESTAMP '2026-01-05 10:00:00'),
  (2, 'DELETE', 'DELETE FROM scratch', TIMESTAMP '2026-01-05 10:01:00'),
  (3, 'DDL', 'DROP TABLE scratch', TIMESTAMP '2026-01-05 10:02:00');
CREATE TABLE "CALL_LOG" ("ID" BIGINT, "CONTACT_ID" BIGINT, "MINUTES" INTEGER);
INSERT INTO "CALL_LOG" SELECT i, i, i % 30 FROM range(1, 51) t(i);
CREATE TABLE "QUERY_STATS" ("QUERY_TAG" VARCHAR, "EXECUTE_COUNT" BIGINT);
INSERT INTO "QUERY_STATS" VALUES ('nightly', 31), ('adhoc', 7);
CREATE TABLE "CONTACTS_BACKUP" AS SELECT * FROM "CONTACTS" LIMIT 10;
CREATE TABLE "STAGED" AS SELECT "ID", "NAME" FROM "CONTACTS" LIMIT 5;
CREATE TABLE "FILES" ("NAME" VARCHAR, "CONTENT" BLOB, "OPENED" TIME);
INSERT INTO "FILES" VALUES ('hello', 'hello'::BLOB, TIME '12:34:56.789'), ('empty', ''::BLOB, NULL);
CREATE VIEW "V_CONTACTS" AS SELECT "ID", "NAME", "REGION" FROM "CONTACTS" WHERE "DELETED_AT" IS NULL;

-- Functions that act on the outside. Each call moves OUTSIDE_CALLS on, so that one that slipped through can be seen.
CREATE MACRO "NOTIFY"(x) AS nextval('"CRM"."PUBLIC"."OUTSIDE_CALLS"');
CREATE MACRO "POST_TO_WEBHOOK"(x) AS nextval('"CRM"."PUBLIC"."OUTSIDE_CALLS"');
CREATE MACRO "MY_EXTERNAL_FUNCTION"(x) AS nextval('"CRM"."PUBLIC"."OUTSIDE_CALLS"');
