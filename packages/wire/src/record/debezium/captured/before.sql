CREATE TABLE orders (
  order_id text PRIMARY KEY,
  region text NOT NULL,
  category text,
  amount numeric(12,2),
  fee numeric,
  status text NOT NULL,
  created_at timestamp(6) NOT NULL,
  updated_at timestamptz,
  shipped_on date,
  packed_at timestamp(3)
);
INSERT INTO orders VALUES
  ('o-1', '北京', 'food', 12.30, 0.5, 'pending', '2023-10-11 12:00:01.250001', '2023-10-11 12:00:01.25+08', NULL, '2023-10-11 12:00:02.5'),
  ('o-2', '上海', 'phones', 2999.00, 12, 'paid', '2023-10-11 12:00:30', '2023-10-11 12:00:40+08', '2023-10-12', NULL);
