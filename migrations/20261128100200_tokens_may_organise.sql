-- A token may be made for an organiser's work; the others no longer see what organisers alone may see.
-- A new value cannot be used in the transaction that adds it: nothing here does.
alter type token_scope add value 'organise';
