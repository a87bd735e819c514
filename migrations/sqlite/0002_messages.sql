-- What is known of a message: 'posted', 'again' (posted, after one that may have been lost), 'posting' (a post is under
-- way, or was when the process stopped: nobody knows), 'unposted' (the post certainly failed). `ts` is empty before it
-- is posted.
alter table messages add column fate text not null default 'posted';
