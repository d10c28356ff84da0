-- Lists of deliveries, the newest first: a page costs what it holds, whoever it is about.
CREATE INDEX deliveries_webhook ON deliveries (webhook);
CREATE INDEX deliveries_webhook_status ON deliveries (webhook, status);
CREATE INDEX deliveries_line ON deliveries (line);
