#pragma once

#include <cstddef>

#include "base/assert.hh"

/// Lists whose links live in the elements: no allocation, an element knows whether it is linked. The list never
/// owns; an element unlinks itself when it is destroyed.

namespace millrace::base {

/// One membership. Derive from it once for each kind of list an element may be in, told apart by Tag.
template <class Tag = void>
class list_hook {
 public:
  list_hook() = default;
  list_hook(const list_hook&) = delete;
  list_hook& operator=(const list_hook&) = delete;
  ~list_hook() { unlink(); }

  bool linked() const noexcept { return next_ != nullptr; }
  void unlink() noexcept {
    if (!linked()) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  template <class, class>
  friend class intrusive_list;
  list_hook* next_ = nullptr;
  list_hook* previous_ = nullptr;
};

/// A doubly linked ring through T's list_hook<Tag>. Not movable: elements point at it.
template <class T, class Tag = void>
class intrusive_list {
  using hook = list_hook<Tag>;

 public:
  intrusive_list() { head_.next_ = head_.previous_ = &head_; }
  intrusive_list(const intrusive_list&) = delete;
  intrusive_list& operator=(const intrusive_list&) = delete;
  ~intrusive_list() {
    clear();
    head_.next_ = head_.previous_ = nullptr;
  }

  bool empty() const noexcept { return head_.next_ == &head_; }
  T& front() {
    ASSERT(!empty());
    return *static_cast<T*>(head_.next_);
  }
  T& back() {
    ASSERT(!empty());
    return *static_cast<T*>(head_.previous_);
  }
  void push_back(T& element) { link(element, head_.previous_, &head_); }
  void push_front(T& element) { link(element, &head_, head_.next_); }
  /// Links `element` directly before `place`, which is in this list.
  void insert_before(T& place, T& element) {
    hook& at = place;
    link(element, at.previous_, &at);
  }
  T& pop_front() {
    T& first = front();
    static_cast<hook&>(first).unlink();
    return first;
  }
  /// Unlinks all; destroys none.
  void clear() noexcept {
    while (!empty()) head_.next_->unlink();
  }
  /// Moves all of `other` to the end of this list, in order.
  void splice_back(intrusive_list& other) {
    if (other.empty()) return;
    hook* first = other.head_.next_;
    hook* last = other.head_.previous_;
    other.head_.next_ = other.head_.previous_ = &other.head_;
    first->previous_ = head_.previous_;
    last->next_ = &head_;
    head_.previous_->next_ = first;
    head_.previous_ = last;
  }

  template <class Element, class Hook>
  class basic_iterator {
   public:
    explicit basic_iterator(Hook* at) : at_(at) {}
    Element& operator*() const { return *static_cast<Element*>(at_); }
    Element* operator->() const { return static_cast<Element*>(at_); }
    basic_iterator& operator++() {
      at_ = at_->next_;
      return *this;
    }
    friend bool operator==(const basic_iterator&, const basic_iterator&) = default;

   private:
    Hook* at_;
  };
  using iterator = basic_iterator<T, hook>;
  iterator begin() { return iterator(head_.next_); }
  iterator end() { return iterator(&head_); }

 private:
  static void link(T& element, hook* before, hook* after) {
    hook& at = element;
    ASSERT(!at.linked());
    at.previous_ = before;
    at.next_ = after;
    before->next_ = &at;
    after->previous_ = &at;
  }
  hook head_;
};

}  // namespace millrace::base
